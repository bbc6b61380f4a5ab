"""What a run leaves in its folder: images.parquet, summary.json, report.html, cutouts/ with links to what is live."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.adapters.model import choose
from pipeline.adapters.storage.sources import read_image
from pipeline.adapters.storage.store import open_store
from pipeline.adapters.storage.tables import read_record, read_table, write_table
from pipeline.core.config import Site
from pipeline.core.layout import gate_file, plan_file
from pipeline.core.manifest import Group
from pipeline.core.naming import png_names
from pipeline.core.records import DeliveryKey, GateDecision, Outcome, Plan, Receipt
from pipeline.report.data import NO_DELIVERY, Refusal, Report, RunSummary, TruthRow
from pipeline.report.page import write_report
from pipeline.report.ranking import IDENTITY
from pipeline.report.summary import write_summary
from pipeline.stages import ChunkResult
from pipeline.steps import read_results
from schemas.tables import IMAGES, METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was worked on: a manifest, and the folder that it was made of where it was."""

    manifest: str
    folder: Path | None

    def name_of(self, uri: str) -> str:
        """An image as a person knows it: its path relative to the folder, or its URI."""
        return Path(uri).relative_to(self.folder).as_posix() if self.folder else uri


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWork:
    """What a run really did; seconds by stage are summed over workers, `wall_seconds` is the clock's."""

    images: int = 0
    model_batches: int = 0
    prepare_seconds: float = 0.0
    infer_seconds: float = 0.0
    finish_seconds: float = 0.0
    wall_seconds: float = 0.0

    @classmethod
    def of(cls, done: ChunkResult | Receipt) -> RunWork:
        """The work that a chunk or a shard took; a chunk's clock time is its caller's to measure."""
        return cls(
            images=done.images,
            model_batches=done.model_batches,
            prepare_seconds=done.prepare_seconds,
            infer_seconds=done.infer_seconds,
            finish_seconds=done.finish_seconds,
            wall_seconds=done.wall_seconds if isinstance(done, Receipt) else 0.0,
        )

    def __add__(self, other: RunWork) -> RunWork:
        return RunWork(**{name: getattr(self, name) + getattr(other, name) for name in RunWork.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Deliveries that the manifest's check refused, and their rows (`date`, `image_id`, `delivery_id`, `uri`)."""

    refused: tuple[Refusal, ...]
    rows: pa.Table

    def images(self, source: Source) -> pa.Table:
        """`IMAGES` of their rows: rejected, with what was wrong with their delivery."""
        why: dict[Group, list[str]] = {}
        for one in self.refused:
            why.setdefault(one.group, []).append(f"its delivery was refused: {one.problem}")
        rows = [
            {
                "image_id": row["image_id"] or "",
                "delivery_id": row["delivery_id"] or NO_DELIVERY,
                "date": row["date"],
                "source": source.name_of(row["uri"]) if row["uri"] else "",
                "outcome": str(Outcome.REJECTED),
                "reasons": why[row["date"], row["delivery_id"]],
            }
            for row in self.rows.to_pylist()
        ]
        return pa.Table.from_pylist(rows, schema=IMAGES)


def write_folder(
    site: Site,
    out: Path,
    source: Source,
    decisions: Sequence[GateDecision],
    work: RunWork,
    *,
    refusals: Refusals | None = None,
    truth: Sequence[TruthRow] = (),
) -> RunSummary:
    """Write all that a run shows under `out`; gives its counts. Raises BooksError where they do not balance."""
    images, metrics = _gathered(site, source, decisions)
    if refusals is not None:
        images = pa.concat_tables([images, refusals.images(source)])
    summary = _summary(images, work)
    write_table(open_store(str(out.resolve())), "images.parquet", images)
    _link(out, images.filter(pc.is_in(images.column("outcome"), pa.array(_PUBLISHED))))
    write_summary(out / "summary.json", summary)
    report = Report(
        source=str(source.folder or source.manifest),
        made_at=datetime.now(UTC),
        summary=summary,
        decisions=tuple(decisions),
        images=images,
        metrics=metrics,
        wall_seconds=work.wall_seconds,
        seconds={"prepare": work.prepare_seconds, "infer": work.infer_seconds, "finish": work.finish_seconds},
        about=_about(site, decisions),
        refused=refusals.refused if refusals else (),
        truth=tuple(truth),
    )
    write_report(out / "report.html", report, read=lambda name: _read(site, out, source, name))
    return summary


_OBJECTS = "objects"
"""Where mattes and cutouts lie below a run's folder."""
_PUBLISHED = [str(Outcome.PUBLISHED), str(Outcome.SKIPPED)]


def _gathered(site: Site, source: Source, decisions: Sequence[GateDecision]) -> tuple[pa.Table, pa.Table]:
    """`IMAGES` of all decisions, and their metrics with the columns `date` and `delivery_id` more."""
    parts = [_of_decision(site, source, decision) for decision in decisions]
    if not parts:
        return IMAGES.empty_table(), _of_delivery(METRICS.empty_table(), None)
    images, metrics = zip(*parts, strict=True)
    return pa.concat_tables(images), pa.concat_tables(metrics)


def _of_decision(site: Site, source: Source, decision: GateDecision) -> tuple[pa.Table, pa.Table]:
    tables = open_store(site.tables_url)
    outcomes = read_table(tables, gate_file(decision.gate_id, "outcomes.parquet"))
    plan = read_record(tables, plan_file(decision.plan_id, "plan.json"), Plan)
    known = read_table(tables, plan_file(decision.plan_id, "delivery.parquet"))
    metrics = read_results(tables, plan, known).metrics
    public = pc.is_in(outcomes.column("outcome"), pa.array(_PUBLISHED))
    names = [source.name_of(uri) for uri in outcomes.column("uri").to_pylist()]
    columns = {
        "image_id": outcomes.column("image_id"),
        "delivery_id": outcomes.column("delivery_id"),
        "date": pa.repeat(pa.scalar(decision.delivery.date, pa.date32()), outcomes.num_rows),
        "source": pa.array(names, pa.string()),
        "outcome": outcomes.column("outcome"),
        "reasons": outcomes.column("reasons"),
        "cutout": pc.if_else(public, _below(outcomes.column("cutout")), pa.scalar(None, pa.string())),
        "mask": _below(outcomes.column("mask")),
        "p_bad": pa.nulls(outcomes.num_rows, pa.float32()),
    }
    images = pa.table([columns[name] for name in IMAGES.names], schema=IMAGES)
    return images, _of_delivery(metrics, decision.delivery)


def _of_delivery(metrics: pa.Table, delivery: DeliveryKey | None) -> pa.Table:
    day, delivery_id = (delivery.date, delivery.delivery_id) if delivery else (None, None)
    columns = {"date": pa.scalar(day, pa.date32()), "delivery_id": pa.scalar(delivery_id, pa.string())}
    for name, value in columns.items():
        metrics = metrics.append_column(name, pa.repeat(value, metrics.num_rows))
    return metrics


def _below(names: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(_OBJECTS, names, "/")


def _summary(images: pa.Table, work: RunWork) -> RunSummary:
    counts = Counter(images.column("outcome").to_pylist())
    return RunSummary(
        images=images.num_rows,
        **{str(outcome): counts[str(outcome)] for outcome in Outcome},
        model_batches=work.model_batches,
        images_per_second=round(work.images / work.wall_seconds, 3) if work.images else 0.0,
    )


def _about(site: Site, decisions: Sequence[GateDecision]) -> tuple[tuple[str, str], ...]:
    row = choose(site.model, site.provider, models=site.models, allow_noncommercial=site.allow_noncommercial).row
    facts = [
        ("network", f"{row.name}, {row.width_px}×{row.height_px} px, {row.digest[:12]}…"),
        ("provider", site.provider),
        ("cluster", site.cluster),
        ("catalogue", site.catalog_url.rpartition("@")[2]),
    ]
    recipes = {decision.recipe for decision in decisions}
    return (*facts, *(("recipe", f"matte {one.matte_digest}, render {one.render_digest}") for one in recipes))


def _read(site: Site, out: Path, source: Source, name: str) -> bytes:
    """Bytes of a picture of the report: a source by its name, a mask by its path below `out`."""
    if name.startswith(f"{_OBJECTS}/") and (out / name).is_file():
        return (out / name).read_bytes()
    return read_image(str(source.folder / name) if source.folder else name, max_bytes=site.max_bytes)


def _link(out: Path, published: pa.Table) -> None:
    """`cutouts/<source with .png>`: a relative link to each published object; links of an earlier run are renewed."""
    rows = published.select(["source", *IDENTITY, "cutout"]).to_pylist()
    paths = png_names(sorted({_safe_name(row) for row in rows}))
    wanted = {out / "cutouts" / paths[_safe_name(row)]: out / row["cutout"] for row in rows}
    for link, target in wanted.items():
        _point(link, target)
    for stale in (path for path in (out / "cutouts").rglob("*") if path.is_symlink() and path not in wanted):
        stale.unlink()


def _safe_name(row: dict[str, Any]) -> str:
    """A relative path for an image: its own if it was in a folder, else day, delivery and id, unsafe parts quoted."""
    source = PurePosixPath(row["source"])
    if "://" not in row["source"] and not source.is_absolute() and ".." not in source.parts:
        return str(source)
    parts = [row["date"].isoformat(), row["delivery_id"], *row["image_id"].split("/")]
    return "/".join(quote(part, safe=" ") if part not in (".", "..", "") else "_" for part in parts)


def _point(link: Path, target: Path) -> None:
    wanted = os.path.relpath(target, link.parent)
    if link.is_symlink() and str(link.readlink()) == wanted:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(f".{link.name[:100]}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(wanted)
    part.replace(link)
