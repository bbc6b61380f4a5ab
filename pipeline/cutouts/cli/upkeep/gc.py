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

    It keeps everything that is live, part of the history, waiting for a person, named by a plan, a decision or the
    ledger, or younger than `grace_hours`. With `history_days`, it first removes older history. If anything runs on the
    site, it removes nothing, and its exit status is 75.
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
