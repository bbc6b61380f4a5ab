"""A whole run on this machine: plan → segment → gate → publish of a folder or a manifest, and its report."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.api.made_renditions import make_renditions, require_renditions
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import ManifestError
from cutouts.core.home_folder import below_home
from cutouts.core.progress import Counter, Progress, unwatched
from cutouts.core.records import Plan
from cutouts.intake import Intake, folder_manifest, inspect, rows_of
from cutouts.report.contents import Refusal, RunSummary
from cutouts.report.folder.finished_run import FinishedRun, Refusals, RunSource, RunWork
from cutouts.report.folder.folder_claim import claim_folder, holds_manifest, only_run, write_manifest
from cutouts.report.folder.run_folder import write_folder
from cutouts.runner import Runner, open_runner
from cutouts.stages import ChunkResult
from cutouts.steps import gate, plan, publish, segment
from cutouts.steps.lease import site_lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(RunSummary):
    """What a run did: the counts of `summary.json`, and other facts that a person should know.

    `images` is the sum of `skipped`, `published`, `quarantined`, `held` and `rejected`. `decisions` are the gate's, one
    for each delivery; `refused` are the deliveries that the manifest's check refused. `unlisted` are folders of
    photographs that could not be listed, with the reason, and `ignored` says in words what was skipped. `report` is the
    page, `cutouts` the folder of links to the published PNGs, `table` has a row for each image.
    """

    decisions: tuple[GateDecision, ...]
    refused: tuple[Refusal, ...]
    unlisted: tuple[str, ...]
    ignored: str
    report: Path
    cutouts: Path
    table: Path


def run(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    site: Site | None = None,
    progress: Progress = unwatched,
    full: bool = False,
) -> Summary:
    """Cut out, judge and publish a folder of images or a manifest on this machine.

    Everything is written below the folder `out`: report.html, cutouts/, images.parquet, summary.json and the catalogue.
    If it is run again, only new or changed images are cut; this also continues a run that was killed. `site` says how
    and where the work runs (by default the settings decide); results are always stored in `out`, whatever `site` says.
    If the site names renditions, those that are missing or stale are made after publishing, and are in the report.
    With `full`, each delivery in the source is complete: images that are live under its id but not in the source are
    withdrawn.

    An image that cannot be cut is counted as rejected. Raises ManifestError if the source cannot be used, OutputError
    if `out` contains something else, ConfigError if settings are wrong, ModelError if the network is not available,
    StorageError if something cannot be read or written, TransientError if another run into `out` is in progress, and
    BooksError if the counts do not add up.
    """
    source, folder = below_home(source), Path(below_home(out))
    here = {"root": str(folder.resolve()), "objects": None, "tables": None, "catalog": None}
    site = load_site() if site is None else site
    require_type("site", site, Site)
    site = site.model_copy(update=here)
    claim_folder(folder, source)
    with only_run(folder), site_lease(site):
        return _run(site, source, folder, progress, full=full)


def _run(site: Site, source: str, folder: Path, progress: Progress, *, full: bool) -> Summary:
    origin, ignored, unlisted = _source(site, source, folder, progress, full=full)
    if origin.folder is not None:
        site = site.allowing(str(origin.folder))
    intake = inspect(origin.manifest)
    plans, refused = plan_all(site, intake, full=full)
    decisions, work = refresh_all(site, plans, progress)
    made = make_renditions(site)
    rows = rows_of(origin.manifest, {one.group for one in refused})
    refusals = Refusals(refused=tuple(refused), rows=rows, of=intake.rows)
    done = FinishedRun(source=origin, decisions=tuple(decisions), work=work, refusals=refusals, renditions=made)
    counts = write_folder(site, folder, done)
    return Summary(
        **asdict(counts),
        decisions=done.decisions,
        refused=tuple(refused),
        unlisted=unlisted,
        ignored=ignored,
        report=folder / "report.html",
        cutouts=folder / "cutouts",
        table=folder / "images.parquet",
    )


def _source(
    site: Site, source: str, out: Path, progress: Progress, *, full: bool
) -> tuple[RunSource, str, tuple[str, ...]]:
    """The manifest to work on: the one given (a file, or a folder of Parquet), or one made from the folder.

    Also returns what was ignored, as text, and the folders that could not be listed, whose images are not counted.
    Raises ManifestError with `full` if part of the folder cannot be listed.
    """
    folder = Path(source)
    if not folder.is_dir() or holds_manifest(folder):
        return RunSource(manifest=source, folder=None), "", ()
    found = photographs(folder, SUFFIXES, without=out)
    if full and found.closed:
        raise ManifestError(f"{source} is not full: folders in it cannot be listed", found.closed)
    with progress("reading", len(found.files)) as heard:
        table, day = folder_manifest(folder, site, without=out, on_image=lambda: heard.add("read"))
    day = max(day, datetime.now(UTC).date()) if full else day  # missing images have no date
    origin = RunSource(manifest=str(write_manifest(out, table, day)), folder=folder.resolve())
    return origin, found.ignored, found.closed


def plan_all(site: Site, intake: Intake, *, full: bool) -> tuple[list[Plan], list[Refusal]]:
    """A plan of each delivery that can be used, and the reasons why the others cannot."""
    require_renditions(site)
    refused = [Refusal.of(problem) for problem in intake.refused]
    plans = []
    for delivery in intake.accepted:
        try:
            plans.append(plan(site, intake.manifest, delivery, full=full))
        except ManifestError as error:
            refused += [
                Refusal(day=delivery.date, delivery_id=delivery.delivery_id, problem=one, count=0)
                for one in error.problems
            ]
    return plans, refused


def refresh_all(site: Site, plans: Sequence[Plan], progress: Progress) -> tuple[list[GateDecision], RunWork]:
    """Segment, gate and publish every plan. Returns the decisions, and the work that was done."""
    todo = sum(one.todo for one in plans)
    work = RunWork()
    with progress("cutting", todo) as heard:
        if todo:
            with open_runner(site) as runner:
                for one in plans:
                    work += _cut(site, one, runner, heard)
    return [_judge(site, one) for one in plans], work


def _cut(site: Site, planned: Plan, runner: Runner, heard: Counter) -> RunWork:
    work, began = RunWork(), time.perf_counter()

    def hear(result: ChunkResult) -> None:
        nonlocal work
        work += RunWork.of(result)
        result.count_in(heard)

    for shard in planned.shard_keys():
        segment(site, shard, runner, hear)
    return replace(work, wall_seconds=time.perf_counter() - began)


def _judge(site: Site, planned: Plan) -> GateDecision:
    decision = gate(site, planned.plan_id)
    if decision.verdict is not Verdict.HOLD:
        publish(site, decision.gate_id)
    return decision
