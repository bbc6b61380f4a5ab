"""`cutouts status`: what a site holds, what waits, and how far its work is."""

from __future__ import annotations

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.api.site_status import SiteStatus, site_status
from cutouts.cli.console.options import site_options
from cutouts.core.backfills.state import BackfillPhase
from cutouts.core.config import Site
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts.core.text.sentences import publication_sentence


@click.command()
@site_options
def status(root: str | None, config: str | None) -> None:
    """Show how much is live, which deliveries wait, what waits for a person, and how far each backfill is."""
    site = cutouts.load_site(config, root=root)
    for line in _lines(site, site_status(site)):
        say(line)


def _lines(site: Site, found: SiteStatus) -> list[str]:
    counts = found.counts
    newest = found.newest
    return [
        f"catalogue: {shown(site.catalog_url)}",
        f"objects:   {site.objects_url}",
        f"tables:    {site.tables_url}",
        f"live:      {counted(counts.images, 'image')} of {counted(counts.products, 'product')}, "
        f"{counted(counts.publications, 'publication')}",
        f"newest:    {newest.at:%Y-%m-%d %H:%M} UTC. {publication_sentence(newest)}" if newest else "newest:    none",
        f"queue:     {counted(found.queued, 'delivery', 'deliveries')}",
        f"held:      {counted(len(found.holds), 'delivery', 'deliveries')}"
        + (" (see `cutouts holds`)" if found.holds else ""),
        *(f"backfill:  {state.words}" for state in found.backfills if state.phase is not BackfillPhase.DONE),
    ]
