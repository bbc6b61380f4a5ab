"""`cutouts gc`: remove what nothing refers to any more."""

from __future__ import annotations

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.text.counting import counted


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how much would be removed.")
@site_options
def gc(dry_run: bool, root: str | None, config: str | None) -> None:
    """Remove objects that nothing refers to, and what is older than the site has to keep.

    Kept is what is live, what the history keeps, what waits for a person, what a plan, a decision or the ledger names,
    and what is younger than `grace_hours`. With `history_days`, older history goes first. Nothing is removed while
    anything runs on the site: then the exit status is 75.
    """
    from cutouts.steps.clearing import clear

    done = clear(load_site(config, root=root), dry_run=dry_run)
    would = "would be removed" if dry_run else "removed"
    parts = [
        counted(done.objects, "object"),
        counted(done.unfinished, "unfinished file"),
        counted(done.tables, "file", "files") + " of tables",
        counted(done.ledger, "row") + " of the ledger",
        counted(done.history, "row") + " of the history",
    ]
    say(f"{would}: {', '.join(parts)}; {done.bytes:,} bytes")
