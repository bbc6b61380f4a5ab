"""`cutouts requeue`: try quarantined images once more with another network."""

from __future__ import annotations

from typing import Any

import click

import cutouts
from cutouts.cli.console.options import budget_options, cluster_options, site_options
from cutouts.cli.running.backfill import DAY, carry_out
from cutouts.core.backfills.selection import BackfillSelection, second_try
from cutouts.core.backfills.state import BackfillBudget

_SELECTED = ("delivery", "everything", "first", "last", "suppliers", "categories", "products", "reason", "refused_too")


@click.command()
@click.option("--delivery", metavar="DELIVERY", help="A delivery id, or a key (YYYY-MM-DD/ID).")
@click.option("--supplier", "suppliers", multiple=True, metavar="ID", help="A delivery id; * and ? match any text.")
@click.option("--from", "first", type=DAY, metavar="YYYY-MM-DD", help="The first day of delivery.")
@click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="The last day of delivery.")
@click.option("--category", "categories", multiple=True, metavar="NAME", help="A category of the manifest.")
@click.option("--product", "products", multiple=True, metavar="ID", help="A product id.")
@click.option("--reason", default="", metavar="TEXT", help="Only images with a reason that contains this text.")
@click.option("--all", "everything", is_flag=True, help="Every quarantined image of every delivery.")
@click.option("--refused-too", is_flag=True, help="Also images that a person rejected.")
@click.option("--dry-run", is_flag=True, help="Say how many images, why, and by which network; do nothing.")
@budget_options
@site_options
@cluster_options
def requeue(*, dry_run: bool, images: int | None, hours: float | None, **options: Any) -> None:
    """Cut quarantined images once more with the network --model, and publish those that the gate lets through.

    They are judged by the same expectations. An image that is quarantined again stays in quarantine, and is not tried
    with this network again. A live image is replaced only by a newer photograph that the gate lets through. It is a
    backfill: `cutouts status` shows it, and the same command continues it.

    \b
    cutouts requeue --model NEW --all --dry-run
    cutouts requeue --model NEW --delivery 2026-11-22/studio-a
    cutouts requeue --model NEW --reason "half transparent"
    """
    chosen = _chosen(options)
    site = cutouts.load_site(options.pop("config"), **options)
    carry_out(site, chosen, BackfillBudget(images=images, hours=hours), dry_run=dry_run)


def _chosen(options: dict[str, Any]) -> BackfillSelection:
    """The selection of the options, which are taken out of them."""
    model = options.pop("model")
    if model is None:
        raise click.UsageError("name the network that cuts them: --model NEW")
    given = {name: options.pop(name) for name in _SELECTED}
    try:
        return second_try(model=model, **given)
    except ValueError as error:
        raise click.UsageError(f"{error} (see --help)") from None
