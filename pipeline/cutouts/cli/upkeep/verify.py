"""`cutouts verify`: checks that a site's data is intact and consistent, and repairs it."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import site_options
from cutouts.cli.console.progress import Tally
from cutouts.core.text.counting import counted


@click.command()
@click.option("--whole", is_flag=True, help="Read every byte and compare checksums.")
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@site_options
def verify(whole: bool, repair: bool, root: str | None, config: str | None) -> None:
    """Check that tables, ledger, objects and catalogue are intact and consistent.

    Without --whole, it reads records, the footers of tables, and the end of each PNG: enough to find what is missing or
    truncated. With --repair, damaged tables are moved to tables/damaged/ and made again, now or by the next run, and
    masks and cutouts are made again from their photographs. A file that cannot be read is reported and left alone.
    The exit status is 1 if a fault remains, or 75 if the only faults are files that the store could not read at the
    moment.
    """
    site = cutouts.load_site(config, root=root)
    found = cutouts.verify(site, whole=whole, repair=repair, tell=lambda one: say(one.words), progress=_tally)
    looked = (
        f"{counted(found.files, 'table file')}, {counted(found.objects, 'object')}, {counted(found.live, 'live image')}"
    )
    repaired = len(found.findings) - found.left
    say(f"{looked}: {counted(found.left, 'fault')}" + (f", {repaired} repaired" if repair else ""), err=True)
    if found.left:
        raise click.exceptions.Exit(Status.TRY_AGAIN if found.left == found.outages else Status.FAILED)


def _tally(doing: str, total: int) -> Tally:
    return Tally(f"checking {doing}", total, of="file")
