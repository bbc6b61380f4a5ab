"""`cutouts plan`: step 1, splits one delivery of a manifest into shards."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import DeliveryParam, new_site_options
from cutouts.core.records import DeliveryKey
from cutouts.core.text.counting import counted


@click.command()
@click.argument("manifest")
@click.option("--delivery", required=True, type=DeliveryParam(), help="Which delivery of the manifest.")
@click.option("--full", is_flag=True, help="Withdraw its live images that MANIFEST no longer contains.")
@new_site_options
def plan(manifest: str, delivery: DeliveryKey, full: bool, root: str | None, config: str | None) -> None:
    """Plan one delivery of MANIFEST: skip images that are already known, and split the rest into shards.

    Prints one shard key per line, for `cutouts segment`, and the plan's id on stderr, for `cutouts gate`.
    """
    made = cutouts.plan(cutouts.load_site(config, root=root), manifest, delivery, full=full)
    say(
        f"plan {made.plan_id}: {counted(made.images, 'image')}, {made.known} known, {counted(made.shards, 'shard')}",
        err=True,
    )
    for key in made.shard_keys():
        say(str(key))
