"""`cutouts withdraw`: take images out of the catalogue by a person's order."""

from __future__ import annotations

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import order_now, order_options, selection_of, selection_options, site_options
from cutouts.core.text.sentences import order_sentence
from cutouts.steps.journal import journalled


@click.command()
@selection_options
@order_options
@site_options
def withdraw(root: str | None, config: str | None, **chosen: str | None) -> None:
    """Withdraw live images. With several options, only images that match all of them are withdrawn.

    They leave the view in one publication per delivery, which records --by and --because. `cutouts catalog rollback`
    brings them back. If the same photograph is delivered again, it is quarantined, with the reason that you gave.
    Nothing is deleted; to delete images, use `cutouts forget`.

    \b
    cutouts withdraw --product 4711 --by Ada --because "not for sale any more"
    """
    selection, order = selection_of(chosen), order_now(chosen)
    site = load_site(config, root=root)
    with journalled(site) as catalog:
        made = catalog.history.withdraw(selection, order)
    for one in made:
        say(order_sentence(one))
