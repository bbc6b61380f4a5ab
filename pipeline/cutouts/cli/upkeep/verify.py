"""`cutouts verify`: whether what a site keeps is whole and agrees, and its repair."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import site_options
from cutouts.core.text.counting import counted


@click.command()
@click.option("--whole", is_flag=True, help="Read every byte and compare it with its checksum.")
@click.option("--repair", is_flag=True, help="Make again what can be made again.")
@site_options
def verify(whole: bool, repair: bool, root: str | None, config: str | None) -> None:
    """Check that tables, ledger, objects and catalogue are whole and agree.

    Without --whole, it reads the footers of tables, records, and the end of each PNG: enough to find what is missing
    or cut off. With --repair, damaged tables are moved to tables/damaged/ and made again, now or by the next run, and
    masks and cutouts are made again from their photographs. Ends with 1 if anything is left that is wrong.
    """
    site = cutouts.load_site(config, root=root)
    found = cutouts.verify(site, whole=whole, repair=repair, tell=lambda finding: say(finding.words))
    looked = (
        f"{counted(found.files, 'table file')}, {counted(found.objects, 'object')}, {counted(found.live, 'live image')}"
    )
    repaired = len(found.findings) - found.left
    say(f"{looked}: {counted(found.left, 'fault')}" + (f", {repaired} repaired" if repair else ""), err=True)
    if found.left:
        raise click.exceptions.Exit(Status.FAILED)
