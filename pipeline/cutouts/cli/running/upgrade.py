"""`cutouts upgrade`: replace live masks by those of another network, the most doubtful first, never by worse ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.api.upgrades import CANARY, plan_upgrade
from cutouts.api.upgrades import upgrade as upgrade_images
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import budget_options, cluster_options, site_options
from cutouts.cli.console.progress import tally_of_run
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import BackfillBudget, BackfillPhase
from cutouts.core.text.counting import counted
from cutouts.core.upgrades import Canary, UpgradeChoice

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def upgrade() -> None:
    """Upgrade live images to another network (--model NEW), selectively.

    First, a random sample of live images (the canary) is cut by the new network and compared with the live masks. Then
    the images with the most doubtful masks are cut, and published if the new mask is not worse. Masks are compared by
    the probability that they are bad, as the gate computes it.
    """


def _upgrade_options(command: F) -> F:
    options = [
        click.option("--supplier", "suppliers", multiple=True, metavar="ID", help="A delivery id; * and ? match any."),
        click.option("--category", "categories", multiple=True, metavar="NAME", help="A category of the manifest."),
        click.option("--canary", type=click.IntRange(1), default=CANARY, show_default=True, help="Its images."),
        site_options,
        cluster_options,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@upgrade.command()
@_upgrade_options
def plan(canary: int, **options: Any) -> None:
    """Estimate what it brings to upgrade more or fewer images. Only the canary is cut; nothing is published.

    \b
    cutouts upgrade plan --model NEW
    """
    selection, site = _selected(options, doubt=0.0)
    found = plan_upgrade(site, selection, canary=canary, progress=tally_of_run)
    say(f"upgrade to {found.model}: {counted(found.stale, 'live image')} of other recipes")
    for problem in found.problems:
        say(f"skipped: {problem}", colour="red", err=True)
    if not found.stale:
        return
    say(found.canary.words)
    say("doubt from    images  share of model time  share of gain  time")
    for choice in found.choices:
        say(_line(choice, found.canary))
    say("A random choice gains the share of its model time. Choose with: cutouts upgrade run --doubt D", err=True)


@upgrade.command()
@click.option("--doubt", type=click.FloatRange(0, 1), default=0.0, help="Only masks with at least this doubt.")
@budget_options
@_upgrade_options
def run(doubt: float, images: int | None, hours: float | None, canary: int, **options: Any) -> None:
    """Upgrade images. If the new masks of the canary are worse than the live ones, nothing is published.

    It is a backfill, which `cutouts status` lists. If it was killed or has used up its budget, the same command
    continues it.

    \b
    cutouts upgrade run --model NEW --doubt 0.2
    """
    selection, site = _selected(options, doubt=doubt)
    budget = BackfillBudget(images=images, hours=hours)
    state, done = upgrade_images(site, selection, canary=canary, budget=budget, progress=tally_of_run)
    say(state.words)
    say(done.words)
    for problem in state.failed:
        say(f"failed: {problem}", colour="red", err=True)
    if state.phase in (BackfillPhase.PAUSED, BackfillPhase.CANCELLED):
        say("run the same command again to continue", err=True)
    if state.failed:
        raise click.exceptions.Exit(Status.FAILED)


def _selected(options: dict[str, Any], *, doubt: float) -> tuple[BackfillSelection, cutouts.Site]:
    model = options.pop("model")
    if model is None:
        raise click.UsageError("name the network to upgrade to: --model NEW")
    suppliers, categories = options.pop("suppliers"), options.pop("categories")
    selection = BackfillSelection(
        suppliers=suppliers, categories=categories, stale=True, model=model, doubt=doubt, not_worse=True
    )
    return selection, cutouts.load_site(options.pop("config"), **options)


def _line(choice: UpgradeChoice, canary: Canary) -> str:
    gain = "unknown" if choice.gain is None else f"{100 * choice.gain:.0f} %"
    each = canary.seconds_per_image
    time = "unknown" if each is None else str(timedelta(seconds=round(choice.images * each)))
    return f"{choice.doubt:10.3f}  {choice.images:8}  {100 * choice.share:17.0f} %  {gain:>13}  {time}"
