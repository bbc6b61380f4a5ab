"""`cutouts holds`: the deliveries that wait for a person."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.text.counting import counted
from cutouts.steps.shell_commands import approve_command, reject_command


@click.command()
@site_options
def holds(root: str | None, config: str | None) -> None:
    """List the deliveries that the gate held and that wait for a person, the oldest first, each with its reasons.

    Below each are two commands: one releases it, and one rejects it for good.
    """
    site = cutouts.load_site(config, root=root)
    waiting = cutouts.waiting_holds(site)
    for hold in waiting:
        say(hold.words)
        say(f"  {approve_command(site, hold.gate_id)}")
        say(f"  {reject_command(site, hold.gate_id)}")
    say(f"{counted(len(waiting), 'delivery', 'deliveries')} held", err=True)
