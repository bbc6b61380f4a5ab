"""What a run writes to its folder: images.parquet, summary.json, report.html, and links to what is live in cutouts/"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.model import choose
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import read_record
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.core.config import Site
from cutouts.core.decisions import LIVE, GateDecision, Outcome, Verdict
from cutouts.core.errors import BooksError
from cutouts.core.records import DeliveryKey, Plan
from cutouts.core.sources.locations import Reading
from cutouts.core.table_paths import gate_file, plan_file
from cutouts.core.text.display import HIDDEN, redacted, stored_uris
from cutouts.core.text.files import text_of
from cutouts.core.text.naming import one_name_each, safe_path
from cutouts.intake import rows_of
from cutouts.report.contents import Report, RunSummary
from cutouts.report.folder.finished_run import FinishedRun, Refusals, RunSource
from cutouts.report.folder.links import write_links
from cutouts.report.folder.summary import write_summary
from cutouts.report.page.histograms import suite_thresholds
from cutouts.report.page.ranking import IDENTITY
from cutouts.report.page.report_page import write_report
from cutouts.schemas.tables import IMAGES, METRICS
from cutouts.steps import read_results
from cutouts.steps.verdicts import suite_of
from cutouts.steps.verify import require_sound_objects


def write_folder(site: Site, out: Path, run: FinishedRun) -> RunSummary:
    """Write everything that a run shows to `out`, and return its counts. Raises BooksError if they do not balance."""
    images, metrics, uris = _gathered(site, run)
    images = images if run.refusals is None else _with_refused(images, run.refusals, run.source)
    summary = _summary(images, run)
    write_table(open_store(str(out.resolve())), "images.parquet", images)
    write_summary(out / "summary.json", summary)
    work = run.work
    report = Report(
        source=redacted(str(run.source.folder or run.source.manifest)),
        made_at=datetime.now(UTC),
        summary=summary,
        decisions=run.decisions,
        images=images,
        metrics=metrics,
        wall_seconds=work.wall_seconds,
        seconds={"prepare": work.prepare_seconds, "infer": work.infer_seconds, "finish": work.finish_seconds},
        about=_about(site, run.decisions),
        refused=run.refusals.refused if run.refusals else (),
        truth=run.truth,
        renditions=run.renditions,
        thresholds=suite_thresholds(text_of(suite_of(site).read_bytes())),
    )
    reading = site.reading(*run.source.allowed)
    place = _places(run, images)
    write_report(out / "report.html", report, read=lambda name: _read(out, place(uris.get(name, name)), reading))
    published = images.filter(pc.is_in(images.column("outcome"), pa.array(LIVE)))
    _link(out, published, folder=run.source.folder is not None)
    return summary


def _with_refused(judged: pa.Table, refusals: Refusals, source: RunSource) -> pa.Table:
    """The rows of all images of a manifest. Raises BooksError if it has more or fewer."""
    images = pa.concat_tables([judged, refusals.images(source)])
    if images.num_rows != refusals.of:
        raise BooksError(
            f"the counts do not add up: the manifest has {refusals.of} rows, but outcomes of "
            f"{images.num_rows} images. If the manifest was changed during the run, run again"
        )
    return images


_OBJECTS = "objects"
"""Where mattes and cutouts are below a run's folder."""


def _gathered(site: Site, run: FinishedRun) -> tuple[pa.Table, pa.Table, dict[str, str]]:
    """`IMAGES` of all decisions, their metrics with the columns `date` and `delivery_id`, and `source` by URI."""
    parts = [_of_decision(site, run.source, decision) for decision in run.decisions]
    if not parts:
        return IMAGES.empty_table(), _of_delivery(METRICS.empty_table(), None), {}
    images, metrics, uris = zip(*parts, strict=True)
    return pa.concat_tables(images), pa.concat_tables(metrics), {name: uri for part in uris for name, uri in part}


def _of_decision(
    site: Site, source: RunSource, decision: GateDecision
) -> tuple[pa.Table, pa.Table, list[tuple[str, str]]]:
    tables = open_store(site.tables_url)
    outcomes = read_table(tables, gate_file(decision.gate_id, "outcomes.parquet"))
    plan = read_record(tables, plan_file(decision.plan_id, "plan.json"), Plan)
    known = read_table(tables, plan_file(decision.plan_id, "delivery.parquet"))
    metrics = read_results(tables, plan, known).metrics
    public = pc.is_in(outcomes.column("outcome"), pa.array(LIVE))
    names = source.names_of(outcomes)
    columns = {
        "image_id": outcomes.column("image_id"),
        "delivery_id": outcomes.column("delivery_id"),
        "date": pa.repeat(pa.scalar(decision.delivery.date, pa.date32()), outcomes.num_rows),
        "source": names,
        "outcome": outcomes.column("outcome"),
        "reasons": outcomes.column("reasons"),
        "cutout": pc.if_else(public, _below(outcomes.column("cutout")), pa.scalar(None, pa.string())),
        "mask": _below(outcomes.column("mask")),
        "p_bad": outcomes.column("p_bad"),
        "notes": outcomes.column("notes"),
    }
    images = pa.table([columns[name] for name in IMAGES.names], schema=IMAGES)
    uris = list(zip(names.to_pylist(), outcomes.column("uri").to_pylist(), strict=True))
    return images, _of_delivery(metrics, decision.delivery), uris


def _of_delivery(metrics: pa.Table, delivery: DeliveryKey | None) -> pa.Table:
    day, delivery_id = (delivery.date, delivery.delivery_id) if delivery else (None, None)
    columns = {"date": pa.scalar(day, pa.date32()), "delivery_id": pa.scalar(delivery_id, pa.string())}
    for name, value in columns.items():
        metrics = metrics.append_column(name, pa.repeat(value, metrics.num_rows))
    return metrics


def _below(names: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(_OBJECTS, names, "/")


def _summary(images: pa.Table, run: FinishedRun) -> RunSummary:
    work = run.work
    counts = Counter(images.column("outcome").to_pylist())
    return RunSummary(
        images=images.num_rows,
        **{str(outcome): counts[str(outcome)] for outcome in Outcome},
        model_batches=work.model_batches,
        images_per_second=round(work.images / work.wall_seconds, 3) if work.images else 0.0,
        withdrawn=sum(one.withdrawn for one in run.decisions if one.verdict is not Verdict.HOLD),
    )


def _about(site: Site, decisions: Sequence[GateDecision]) -> tuple[tuple[str, str], ...]:
    tables = open_store(site.tables_url)
    plans = [read_record(tables, plan_file(decision.plan_id, "plan.json"), Plan) for decision in decisions]
    networks = [network for one in plans for network in one.networks]
    names = dict.fromkeys(network.model or site.model for network in networks) or {site.model: None}
    facts = [
        *(("network", _network_words(site, name)) for name in names),
        ("provider", site.provider),
        ("cluster", redacted(site.cluster)),
        ("catalogue", redacted(site.catalog_url)),
    ]
    recipes = dict.fromkeys(network.recipe for network in networks)
    return (*facts, *(("recipe", f"matte {one.matte_digest}, render {one.render_digest}") for one in recipes))


def _network_words(site: Site, name: str) -> str:
    row = choose(name, site.provider, models=site.models, allow_noncommercial=site.allow_noncommercial).row
    return f"{row.name}, {row.width_px}×{row.height_px} px, {row.digest[:12]}…"


def _places(run: FinishedRun, images: pa.Table) -> Callable[[str], str]:
    """Returns the full URI for one from a table. If its secrets were removed, they are read from the manifest again."""
    if not pc.any(pc.match_substring(images.column("source"), HIDDEN)).as_py():
        return lambda name: name
    groups = {(one.delivery.date, one.delivery.delivery_id) for one in run.decisions}
    full = rows_of(run.source.manifest, groups).column("uri")
    names = stored_uris(full)

    def place(name: str) -> str:
        at = pc.index(names, name).as_py()
        return name if at < 0 else str(full[at])

    return place


def _read(out: Path, name: str, reading: Reading) -> bytes:
    """The bytes of a picture for the report: a mask by its path below `out`, a photograph by its URI."""
    if name.startswith(f"{_OBJECTS}/") and (out / name).is_file():
        return (out / name).read_bytes()
    return read_image(name, reading)


def _link(out: Path, published: pa.Table, *, folder: bool) -> None:
    """`cutouts/<source with .png>`, or by day, delivery and id if the sources are not files of a folder."""
    rows = published.select(["source", *IDENTITY, "cutout"]).to_pylist()
    keys = [tuple(str(row[name]) for name in IDENTITY) for row in rows]
    wanted = {key: row["source"] if folder else _path_of_ids(row) for key, row in zip(keys, rows, strict=True)}
    names = one_name_each(wanted)
    write_links(out, {names[key]: row["cutout"] for key, row in zip(keys, rows, strict=True)})
    require_sound_objects(open_store(str(out)), sorted({row["cutout"] for row in rows}))


def _path_of_ids(row: dict[str, Any]) -> str:
    return safe_path([row["date"].isoformat(), row["delivery_id"], *row["image_id"].split("/")])
