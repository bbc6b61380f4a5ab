"""`cutouts run`: `cutouts.run` with progress, messages and an exit status."""

from __future__ import annotations

from pathlib import Path

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import cluster_options, config_option
from cutouts.cli.console.progress import Tally
from cutouts.core.decisions import Outcome
from cutouts.core.text.counting import counted


@click.command()
@click.argument("source", type=click.Path(path_type=str), metavar="SOURCE")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for everything that is made.",
)
@config_option
@click.option("--fail-on-held", is_flag=True, help="Exit with status 3 if a delivery is held.")
@click.option("--full", is_flag=True, help="Withdraw what is live of its deliveries and not in SOURCE any more.")
@cluster_options
def run(source: str, out: Path, config: str | None, fail_on_held: bool, full: bool, **where: object) -> None:
    """Cut out, judge and publish SOURCE, a folder of images or a manifest, on this machine.

    Everything is written below --out: report.html to look at, cutouts/ with a PNG per published image, images.parquet
    with the result of every image, summary.json, and catalog.sqlite. If you run it again, only new or changed images
    are cut. If it was killed, run it again.

    \b
    cutouts run photos --out result
    """
    summary = cutouts.run(source, out, site=cutouts.load_site(config, **where), progress=_tally, full=full)
    _say(summary)
    if summary.refused or summary.unlisted:
        raise click.exceptions.Exit(Status.FAILED)
    if fail_on_held and summary.held:
        raise click.exceptions.Exit(Status.HELD)


def _tally(doing: str, total: int) -> Tally:
    return Tally(doing, total, again="finished shards are kept, run it again" if doing == "cutting" else "")


def _say(summary: cutouts.Summary) -> None:
    if summary.ignored:
        say(summary.ignored, err=True)
    for place in summary.unlisted:
        say(f"not listed: {place}", colour="red", err=True)
    gone = f"; {summary.withdrawn} withdrawn" if summary.withdrawn else ""
    say(f"{counted(summary.images, 'image')}: " + ", ".join(f"{getattr(summary, o)} {o}" for o in Outcome) + gone)
    say(f"{counted(summary.model_batches, 'model batch', 'model batches')}, {summary.images_per_second:.1f} images/s")
    for refusal in summary.refused:
        say(f"refused: delivery {refusal.delivery}: {refusal.words}", colour="red", err=True)
    say(f"report:  {summary.report}")
    say(f"cutouts: {summary.cutouts}")
