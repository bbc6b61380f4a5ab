"""`cutouts backfill`: work on older deliveries again, within a budget."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.api.backfills import backfill as work_through
from cutouts.api.backfills import selection_of, survey
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import budget_options, cluster_options, site_options
from cutouts.cli.console.progress import tally_of_run, told_on_stderr
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillBudget, BackfillPhase, BackfillState
from cutouts.core.config import Site
from cutouts.steps.backfill_progress import cancel_backfill

_CHOICES = ("--from", "--to", "--supplier", "--category", "--product", "--stale", "--all")
_SELECTED = ("first", "last", "suppliers", "categories", "products", "stale", "newest_first")


class _Day(click.ParamType[date]):
    """A day as ISO 8601 has it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day: expected YYYY-MM-DD", param, ctx)


DAY = _Day()
"""A day of delivery."""


@click.command()
@click.option("--from", "first", type=DAY, metavar="YYYY-MM-DD", help="The first day of delivery.")
@click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="The last day of delivery.")
@click.option("--supplier", "suppliers", multiple=True, metavar="ID", help="A delivery id; * and ? match any text.")
@click.option("--category", "categories", multiple=True, metavar="NAME", help="A category of the manifest.")
@click.option("--product", "products", multiple=True, metavar="ID", help="A product id.")
@click.option("--stale", is_flag=True, help="Only what is live and was made by another recipe than today's.")
@click.option("--all", "everything", is_flag=True, help="Every known delivery.")
@click.option("--newest-first", is_flag=True, help="Begin with the newest day.  [default: the oldest]")
@click.option("--dry-run", is_flag=True, help="Say how many images, why, how long and how many bytes; do nothing.")
@budget_options
@click.option("--resume", metavar="BACKFILL_ID", help="Continue this backfill.")
@click.option("--cancel", metavar="BACKFILL_ID", help="Stop this backfill, wherever it runs.")
@site_options
@cluster_options
def backfill(
    *,
    everything: bool,
    dry_run: bool,
    images: int | None,
    hours: float | None,
    resume: str | None,
    cancel: str | None,
    **options: Any,
) -> None:
    """Process older deliveries again: images that are not live, or were made by another recipe than today's.

    It knows the deliveries that Airflow or `cutouts run` has processed on the site. If it was killed or cancelled, or
    has used up its budget, the same command or --resume continues it. `cutouts status` shows how far it is.

    \b
    cutouts backfill --stale --dry-run
    cutouts backfill --from 2026-01-01 --to 2026-03-31 --supplier "acme*" --images 20000
    """
    given = _given({name: options.pop(name) for name in _SELECTED})
    site = cutouts.load_site(options.pop("config"), **options)
    if cancel:
        say(cancel_backfill(site, cancel).words)
        return
    chosen = _chosen(site, given, resume, everything=everything)
    carry_out(site, chosen, BackfillBudget(images=images, hours=hours), dry_run=dry_run)


def carry_out(site: cutouts.Site, chosen: BackfillSelection, budget: BackfillBudget, *, dry_run: bool) -> None:
    """Work through the selection within its budget, and say how that ended. A `dry_run` only says what there is to do.

    Ends with an exit status if a delivery failed.
    """
    if dry_run:
        for line in survey(site, chosen, tally_of_run).words(chosen):
            say(line)
        return
    with told_on_stderr("cutouts.runner"):
        state = work_through(chosen, site=site, budget=budget, progress=tally_of_run)
    _say_state(state)


def _given(selected: dict[str, Any]) -> BackfillSelection:
    try:
        return BackfillSelection(**selected)
    except ValueError as error:
        raise click.UsageError(f"{error} (see --help)") from None


def _chosen(site: Site, given: BackfillSelection, resume: str | None, *, everything: bool) -> BackfillSelection:
    nothing = given == BackfillSelection(newest_first=given.newest_first)
    if resume is not None:
        if not nothing or everything:
            raise click.UsageError("--resume continues with the backfill's own selection: leave out all others")
        return selection_of(site, resume)
    if nothing and not everything:
        raise click.UsageError(
            "select deliveries or images: --from, --to, --supplier, --category, --product, --stale or --all"
        )
    if not nothing and everything and given.stale:
        raise click.UsageError("--all and --stale contradict each other")
    return given


def _say_state(state: BackfillState) -> None:
    say(state.words)
    for problem in state.failed:
        say(f"failed: {problem}", colour="red", err=True)
    if state.phase in (BackfillPhase.PAUSED, BackfillPhase.CANCELLED):
        say(f"continue with: cutouts backfill --resume {state.backfill_id}", err=True)
    if state.failed:
        raise click.exceptions.Exit(Status.FAILED)
