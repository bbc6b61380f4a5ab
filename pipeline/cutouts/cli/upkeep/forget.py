"""`cutouts forget`: remove images from all that a site keeps."""

from __future__ import annotations

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import order_now, order_options, selection_of, selection_options, site_options
from cutouts.core.text.counting import counted


@click.command()
@selection_options
@order_options
@site_options
def forget(root: str | None, config: str | None, **chosen: str | None) -> None:
    """Remove images for good: from the catalogue and its history, objects, tables and reports.

    For a single image, give --delivery and --image. Files that other images also use are kept. The receipt says who
    ordered it, why, and how much was removed, but not what. Your photographs and manifests are not touched: remove the
    images from them too, or the next run brings them back.

    \b
    cutouts forget --delivery studio-a --by Ada --because "contract ended"
    """
    from cutouts.api.forgetting import forget as forget_images

    done = forget_images(load_site(config, root=root), selection_of(chosen), order_now(chosen))
    parts = [
        counted(done.withdrawn, "live image"),
        counted(done.history, "row") + " of the history",
        counted(done.table_rows, "row") + " of tables",
        counted(done.objects, "object"),
    ]
    say(f"forgotten: {', '.join(parts)}; receipt {done.receipt_id}")
