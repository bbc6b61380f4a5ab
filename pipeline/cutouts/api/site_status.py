"""What a site holds, what waits, and how far its work is."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.adapters.catalog import Catalog, CatalogCounts
from cutouts.core.backfills import BackfillState
from cutouts.core.config import Site
from cutouts.core.publications import Hold, Publication
from cutouts.intake import waiting
from cutouts.steps.backfill import backfills


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatus:
    """The catalogue's counts, its newest publication, the deliveries in the queue, and the holds that wait.

    `backfills` are all that are on record, the one that was last at work first.
    """

    counts: CatalogCounts
    newest: Publication | None
    queued: int
    holds: tuple[Hold, ...]
    backfills: tuple[BackfillState, ...]


def site_status(site: Site) -> SiteStatus:
    """What a site holds and what waits. A few requests, whatever its size."""
    with Catalog.open(site.catalog_url) as catalog:
        counts, holds = catalog.counts(), catalog.all_waiting_holds()
        newest = next(iter(catalog.last_publications(1)), None)
    return SiteStatus(
        counts=counts,
        newest=newest,
        queued=waiting(site, at_most=0).length,
        holds=holds,
        backfills=backfills(site),
    )
