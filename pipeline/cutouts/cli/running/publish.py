"""`cutouts publish`: step 4, publishes what the gate let through, or releases a held delivery."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.text.counting import counted


@click.command()
@click.argument("gate_id", required=False)
@click.option("--approve", metavar="GATE_ID", help="Release the delivery that this decision holds.")
@click.option("--by", metavar="NAME", help="Who releases it.")
@click.option("--why", metavar="TEXT", help="Why.")
@site_options
def publish(
    gate_id: str | None, approve: str | None, by: str | None, why: str | None, root: str | None, config: str | None
) -> None:
    """Publish what the gate decided as GATE_ID, or release a held delivery with --approve.

    If only one decision of a delivery is held, the delivery's id or key (YYYY-MM-DD/ID) is enough. When a delivery is
    released, all its images are published except those that are bad by themselves.
    """
    if (gate_id is None) == (approve is None):
        raise click.UsageError("name either a GATE_ID or --approve GATE_ID")
    site = cutouts.load_site(config, root=root)
    if approve is None:
        done = cutouts.publish(site, str(gate_id))
    elif by and why:
        hold = cutouts.waiting_hold(site, approve)
        held = cutouts.read_decision(site, hold.gate_id)
        say(
            f"releasing gate {hold.gate_id}: {hold.words}; {counted(held.images, 'image')}, {held.rejected} rejected",
            err=True,
        )
        done = cutouts.approve(site, hold.gate_id, by=by, why=why)
    else:
        raise click.UsageError("--approve needs --by NAME and --why TEXT: both are recorded")
    say(f"{done.delivery}: {done.published} published, {done.superseded} superseded by a newer delivery")
