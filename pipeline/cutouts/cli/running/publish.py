"""`cutouts publish`: step 4, publishes what the gate let through, or settles a held delivery."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.config import Site
from cutouts.core.publications import Publication
from cutouts.core.text.counting import counted


@click.command()
@click.argument("gate_id", required=False)
@click.option("--approve", metavar="GATE_ID", help="Release the delivery that this decision holds.")
@click.option("--reject", metavar="GATE_ID", help="Reject the delivery that this decision holds, for good.")
@click.option("--by", metavar="NAME", help="Who releases or rejects it.")
@click.option("--why", metavar="TEXT", help="Why.")
@site_options
def publish(
    gate_id: str | None,
    approve: str | None,
    reject: str | None,
    by: str | None,
    why: str | None,
    root: str | None,
    config: str | None,
) -> None:
    """Publish what the gate decided as GATE_ID, or settle a held delivery with --approve or --reject.

    If only one decision of a delivery is held, the delivery's id or key (YYYY-MM-DD/ID) is enough. When a delivery is
    released, all its images are published except those that are bad by themselves. A rejected delivery is never
    published, and does not wait again. The first of the two decisions counts. `cutouts holds` lists what waits.
    """
    if sum(one is not None for one in (gate_id, approve, reject)) != 1:
        raise click.UsageError("name either a GATE_ID, --approve GATE_ID or --reject GATE_ID")
    site = cutouts.load_site(config, root=root)
    done: Publication | None
    if gate_id is not None:
        done = cutouts.publish(site, gate_id)
    elif by and why:
        done = _settled(site, str(approve or reject), by=by, why=why, release=reject is None)
    else:
        raise click.UsageError("--approve and --reject need --by NAME and --why TEXT: both are recorded")
    if done:
        say(f"{done.delivery}: {done.published} published, {done.superseded} superseded by a newer delivery")


def _settled(site: Site, named: str, *, by: str, why: str, release: bool) -> Publication | None:
    """Release or reject a hold, and say of what; what was published of it."""
    hold = cutouts.waiting_hold(site, named)
    held = cutouts.read_decision(site, hold.gate_id)
    images = counted(held.images, "image")
    doing = "releasing" if release else "rejecting"
    say(f"{doing} gate {hold.gate_id}: {hold.words}; {images}, {held.rejected} rejected", err=True)
    if release:
        return cutouts.approve(site, hold.gate_id, by=by, why=why)
    word = cutouts.reject(site, hold.gate_id, by=by, why=why)
    say(f"{word.delivery}: rejected by {word.by}: {word.why}; nothing of it is published")
    return None
