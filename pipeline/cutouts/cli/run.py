"""`cutouts run`: plan → segment → gate → publish of a whole source on this machine, and its report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.settings import load_site
from cutouts.adapters.storage.photographs import photographs
from cutouts.adapters.terminal import say
from cutouts.cli.exit_status import Status
from cutouts.cli.progress import Tally
from cutouts.cli.steps import cluster_options
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Outcome, Verdict
from cutouts.core.errors import ManifestError
from cutouts.core.records import Plan
from cutouts.intake import Intake, folder_manifest, inspect, rows_of
from cutouts.report.contents import Refusal, RunSummary
from cutouts.report.folder_claim import claim_folder, holds_manifest, write_manifest
from cutouts.report.run_folder import Refusals, RunSource, RunWork, write_folder
from cutouts.runner import Runner, open_runner
from cutouts.stages import ChunkResult
from cutouts.steps import gate, plan, publish, segment


@click.command()
@click.argument("source", type=click.Path(path_type=str), metavar="SOURCE")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where everything lies.")
@click.option("--config", metavar="FILE", help="Settings.  [default: cutouts.toml, if it is there]")
@click.option("--fail-on-held", is_flag=True, help="Exit with status 3 where a delivery is held.")
@cluster_options
def run(source: str, out: Path, config: str | None, fail_on_held: bool, **where: object) -> None:
    """Cut out, judge and publish SOURCE, a folder of images or a manifest, on this machine.

    All that is made lies under --out: report.html to look at, cutouts/ with a PNG per published image, images.parquet
    with what became of each, summary.json, and catalog.sqlite. Run again, only what is new or changed is cut; killed
    at any moment, run it again.

    \b
    cutouts run photos --out result
    """
    own = {"root": str(out.resolve()), "objects": None, "tables": None, "catalog": None}
    site = load_site(config, **where).model_copy(update=own)
    claim_folder(out, source)
    origin, closed = _source(site, source, out)
    if origin.folder is not None:
        site = site.allowing(str(origin.folder))
    intake = inspect(origin.manifest)
    plans, refused = _plans(site, intake)
    decisions, work = _refresh(site, plans)
    rows = rows_of(origin.manifest, {one.group for one in refused})
    refusals = Refusals(refused=tuple(refused), rows=rows, of=intake.rows)
    summary = write_folder(site, out, origin, decisions, work, refusals=refusals)
    _say(summary, out, refused)
    if refused or closed:
        raise click.exceptions.Exit(Status.FAILED)
    if fail_on_held and summary.held:
        raise click.exceptions.Exit(Status.HELD)


def _source(site: Site, source: str, out: Path) -> tuple[RunSource, tuple[str, ...]]:
    """The manifest to work on: the one given (a file, or a folder of Parquet), or one made of the folder.

    Also the folders of photographs that cannot be listed, whose images are in no books.
    """
    folder = Path(source)
    if not folder.is_dir() or holds_manifest(folder):
        return RunSource(manifest=source, folder=None), ()
    found = photographs(folder, SUFFIXES, without=out)
    with Tally("reading", len(found.files)) as tally:
        table, day = folder_manifest(folder, site, without=out, on_image=lambda: tally.add("read"))
    if found.ignored:
        say(found.ignored, err=True)
    for place in found.closed:
        say(f"not listed: {place}", colour="red", err=True)
    return RunSource(manifest=str(write_manifest(out, table, day)), folder=folder.resolve()), found.closed


def _plans(site: Site, intake: Intake) -> tuple[list[Plan], list[Refusal]]:
    """A plan of each delivery that can be worked with, and why the others cannot."""
    refused = [Refusal.of(problem) for problem in intake.refused]
    plans = []
    for delivery in intake.accepted:
        try:
            plans.append(plan(site, intake.manifest, delivery))
        except ManifestError as error:
            refused += [
                Refusal(day=delivery.date, delivery_id=delivery.delivery_id, problem=one, count=0)
                for one in error.problems
            ]
    return plans, refused


def _refresh(site: Site, plans: Sequence[Plan]) -> tuple[list[GateDecision], RunWork]:
    """Segment, gate and publish every plan; what was decided, and the work that it took."""
    todo = sum(one.todo for one in plans)
    work = RunWork()
    with Tally("cutting", todo, again="finished shards are kept, run it again") as tally:
        if todo:
            with open_runner(site) as runner:
                for one in plans:
                    work += _cut(site, one, runner, tally)
    return [_judge(site, one) for one in plans], work


def _cut(site: Site, planned: Plan, runner: Runner, tally: Tally) -> RunWork:
    work, began = RunWork(), time.perf_counter()

    def heard(result: ChunkResult) -> None:
        nonlocal work
        work += RunWork.of(result)
        tally.add("cut", len(result.masks))
        tally.add("rejected", len(result.rejections))

    for shard in planned.shard_keys():
        segment(site, shard, runner, heard)
    return replace(work, wall_seconds=time.perf_counter() - began)


def _say(summary: RunSummary, out: Path, refused: Sequence[Refusal]) -> None:
    say(f"{summary.images} images: " + ", ".join(f"{getattr(summary, o)} {o}" for o in Outcome))
    say(f"{summary.model_batches} model batches, {summary.images_per_second:.1f} images/s")
    for refusal in refused:
        say(f"refused: delivery {refusal.delivery}: {refusal.words}", colour="red", err=True)
    say(f"report:  {out / 'report.html'}")
    say(f"cutouts: {out / 'cutouts'}")


def _judge(site: Site, planned: Plan) -> GateDecision:
    decision = gate(site, planned.plan_id)
    if decision.verdict is not Verdict.HOLD:
        publish(site, decision.gate_id)
    return decision
