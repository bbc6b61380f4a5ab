"""`cutouts gate check`: what a changed suite of expectations would have decided about past deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts.steps.suite_check import SuiteChange, check_suite

_SHOWN = 10


@click.command()
@click.option(
    "--suite", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="The changed suite."
)
@click.option("--promise", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Another promise.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many deliveries.")
@site_options
def check(suite: Path | None, promise: float | None, last: int, root: str | None, config: str | None) -> None:
    """Show what a changed suite would have decided about the last deliveries, before it goes live.

    Each delivery that was published or waits for a person is judged again as a whole, by the site's suite and by the
    changed one, as if none of its images were live. No decision is changed and nothing is published.
    """
    site = cutouts.load_site(config, root=root)
    changes = check_suite(site, suite, promise=promise, last=last)
    for change in changes:
        for line in _lines(change):
            say(line)
    judged = [change for change in changes if not change.problem]
    for words in dict.fromkeys(words for change in judged for words in change.idle):
        if all(words in change.idle for change in judged):
            say(f"judged no image of these deliveries, as none meets its condition: {words}")
    different = sum(change.differs for change in changes)
    say(f"{counted(len(changes), 'delivery', 'deliveries')} judged again, {different} differently", err=True)


def _lines(change: SuiteChange) -> Iterator[str]:
    name = shown(change.delivery)
    if change.problem:
        yield f"{name}: {change.problem}"
        return
    if not change.differs:
        yield f"{name}: {counted(change.images, 'image')}, {change.before}, as now"
        return
    verdict = f"{change.before}" if change.before is change.after else f"{change.before} → {change.after}"
    kept = f"{len(change.quarantined)} more kept back, {len(change.released)} fewer"
    yield f"{name}: {counted(change.images, 'image')}, {verdict}; {kept}"
    yield from (f"  {words}" for words in (*change.holds, *(f"warning: {words}" for words in change.warnings)))
    alone = [(image, own) for image, reasons in change.quarantined if (own := _own(reasons, change.holds))]
    for image, reasons in alone[:_SHOWN]:
        yield f"  + {shown(image)}: {shown('; '.join(reasons))}"
    yield from (f"  - {shown(image)}" for image in change.released[:_SHOWN])
    if (hidden := len(alone[_SHOWN:]) + len(change.released[_SHOWN:])) > 0:
        yield f"  and {hidden} more"


def _own(reasons: tuple[str, ...], holds: tuple[str, ...]) -> tuple[str, ...]:
    """The reasons that are about an image alone: a hold says once why all the others wait."""
    return tuple(reason for reason in reasons if reason not in holds)
