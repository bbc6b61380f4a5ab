"""`cutouts publish`: step 4, publishes what the gate let through, or settles a held delivery."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import site_options
from cutouts.core.config import Site
from cutouts.core.publications import Hold, Publication
from cutouts.core.text.counting import counted


@click.command()
@click.argument("gate_id", required=False)
@click.option("--approve", metavar="GATE_ID", help="Release the delivery that this decision holds.")
@click.option("--reject", metavar="GATE_ID", help="Reject the delivery that this decision holds, for good.")
@click.option(
    "--except", "but", metavar="IMAGE", multiple=True, help="With --approve: an image that is rejected. Repeatable."
)
@click.option(
    "--also",
    metavar="IMAGE",
    multiple=True,
    help="With --approve: an image that is published although the gate quarantines it. Repeatable.",
)
@click.option("--by", metavar="NAME", help="Who releases or rejects it.")
@click.option("--why", metavar="TEXT", help="Why.")
@site_options
def publish(
    gate_id: str | None,
    *,
    approve: str | None,
    reject: str | None,
    but: tuple[str, ...],
    also: tuple[str, ...],
    by: str | None,
    why: str | None,
    root: str | None,
    config: str | None,
) -> None:
    """Publish what the gate decided as GATE_ID, or settle a held delivery with --approve or --reject.

    If only one decision of a delivery is held, the delivery's id or key (YYYY-MM-DD/ID) is enough. When a delivery is
    released, all its images are published except the individually bad ones. --except rejects single images, and --also
    publishes bad ones, even if their delivery was not held. A rejected delivery is never published, and is not held
    again. The first decision counts. `cutouts holds` lists what waits.
    """
    if (but or also) and approve is None:
        raise click.UsageError("--except and --also need --approve GATE_ID")
    if sum(one is not None for one in (gate_id, approve, reject)) != 1:
        raise click.UsageError("name either a GATE_ID, --approve GATE_ID or --reject GATE_ID")
    site = cutouts.load_site(config, root=root)
    if gate_id is not None:
        done = cutouts.publish(site, gate_id)
    elif not (by and why):
        raise click.UsageError("--approve and --reject need --by NAME and --why TEXT: both are recorded")
    elif approve is not None:
        done = _released(site, approve, by=by, why=why, but=but, also=also)
    else:
        _rejected(site, str(reject), by=by, why=why)
        return
    say(f"{done.delivery}: {done.published} published, {done.superseded} superseded by a newer delivery")


def _released(site: Site, named: str, *, by: str, why: str, but: tuple[str, ...], also: tuple[str, ...]) -> Publication:
    """Release a hold, or single images of a decision that held nothing, and say of what."""
    if also:
        say(f"releasing {counted(len(also), 'image')} of {named} one by one", err=True)
    else:
        _say_hold(site, cutouts.waiting_hold(site, named), "releasing")
    return cutouts.approve(site, named, by=by, why=why, but=dict.fromkeys(but, ""), also=also)


def _rejected(site: Site, named: str, *, by: str, why: str) -> None:
    """Reject a hold, and say of what."""
    hold = cutouts.waiting_hold(site, named)
    _say_hold(site, hold, "rejecting")
    word = cutouts.reject(site, hold.gate_id, by=by, why=why)
    say(f"{word.delivery}: rejected by {word.by}: {word.why}; nothing of it is published")


def _say_hold(site: Site, hold: Hold, doing: str) -> None:
    held = cutouts.read_decision(site, hold.gate_id)
    images = counted(held.images, "image")
    say(f"{doing} gate {hold.gate_id}: {hold.words}; {images}, {held.rejected} rejected", err=True)
