"""`cutouts run`: `cutouts.run` with progress, messages and an exit status."""

from __future__ import annotations

from pathlib import Path

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.api.site_runs import SiteRun, run_on_site
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import cluster_options, config_option, one_argument
from cutouts.cli.console.progress import tally_of_run, told_on_stderr
from cutouts.core.decisions import Outcome, Verdict
from cutouts.core.text.counting import counted
from cutouts.core.text.display import command, shown
from cutouts.core.text.sentences import decision_sentence, remarks


@click.command()
@one_argument("source", "SOURCE", click.Path(path_type=str))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Keep all of it in this folder, with a report."
)
@config_option
@click.option("--fail-on-held", is_flag=True, help="Exit with status 3 if a delivery is held.")
@click.option("--full", is_flag=True, help="Withdraw live images of its deliveries that SOURCE no longer contains.")
@cluster_options
def run(source: str, out: Path | None, config: str | None, fail_on_held: bool, full: bool, **where: object) -> None:
    """Cut out, judge and publish SOURCE, a folder of images or a manifest.

    With --out, everything is written below that folder: report.html to look at, cutouts/ with a PNG per published
    image, images.parquet with the result of every image, summary.json, and catalog.sqlite. Without --out, the stores
    and the catalogue of the site's settings are used. The renditions that the settings name are made, too. If you run
    it again, only new or changed images are cut, also after it was killed.

    \b
    cutouts run photos --out result
    cutouts run today.parquet --config site.toml
    """
    site = cutouts.load_site(config, **where)
    done: SiteRun | cutouts.Summary
    with told_on_stderr("cutouts.runner"):
        if out is None:
            done = run_on_site(source, site=site, progress=tally_of_run, full=full)
        else:
            done = cutouts.run(source, out, site=site, progress=tally_of_run, full=full)
    if isinstance(done, SiteRun):
        _say_site(site, done)
    else:
        _say(done)
    held = any(one.verdict is Verdict.HOLD for one in done.decisions)  # even if all images of a delivery are rejected
    if held:
        say(
            f"held deliveries wait for a person: see `cutouts holds{f' --out {command(out)}' if out else ''}`", err=True
        )
    if done.refused or done.unlisted:
        raise click.exceptions.Exit(Status.FAILED)
    if fail_on_held and held:
        raise click.exceptions.Exit(Status.HELD)


def _say_site(site: cutouts.Site, done: SiteRun) -> None:
    _say_deliveries(done)
    say(f"{counted(done.images, 'image')}: " + ", ".join(f"{done.count(outcome)} {outcome}" for outcome in Outcome))
    speed = done.cut / max(done.wall_seconds, 1e-3)
    say(f"{counted(done.model_batches, 'model batch', 'model batches')}, {speed:.1f} images/s")
    for row in done.renditions:
        say(f"{row.name}: {row.published} published, {row.refused} break a rule, {row.failed} failed")
        for problem in row.problems:
            say(f"  {problem}")
    say(f"site: {site.objects_url}, {shown(site.catalog_url)}")


def _say_deliveries(done: SiteRun | cutouts.Summary) -> None:
    """What was skipped, and what became of each delivery, with the reasons."""
    if done.ignored:
        say(done.ignored, err=True)
    for place in done.unlisted:
        say(f"not listed: {place}", colour="red", err=True)
    for decision in done.decisions:
        say(decision_sentence(decision))
        for reason in remarks(decision):
            say(f"  {reason}")
    for refusal in done.refused:
        say(f"refused: delivery {refusal.delivery}: {refusal.words}", colour="red", err=True)


def _say(summary: cutouts.Summary) -> None:
    _say_deliveries(summary)
    gone = f"; {summary.withdrawn} withdrawn" if summary.withdrawn else ""
    say(f"{counted(summary.images, 'image')}: " + ", ".join(f"{getattr(summary, o)} {o}" for o in Outcome) + gone)
    say(f"{counted(summary.model_batches, 'model batch', 'model batches')}, {summary.images_per_second:.1f} images/s")
    say(f"report:  {summary.report}")
    say(f"cutouts: {summary.cutouts}")
