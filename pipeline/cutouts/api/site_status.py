"""The state of a site: what it contains, what waits, and the progress of its backfills."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.adapters.catalog import CatalogCounts
from cutouts.core.backfills.state import BackfillState
from cutouts.core.config import Site
from cutouts.core.publications import Hold, Publication
from cutouts.intake import waiting
from cutouts.steps.backfill_progress import backfills
from cutouts.steps.journal import newest_catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStatus:
    """The catalogue's counts, its newest publication, the deliveries in the queue, and the holds that wait.

    `backfills` are all recorded ones, the most recently active first.
    """

    counts: CatalogCounts
    newest: Publication | None
    queued: int
    holds: tuple[Hold, ...]
    backfills: tuple[BackfillState, ...]


def site_status(site: Site) -> SiteStatus:
    """What a site contains and what waits. This takes a few requests, whatever the size of the site."""
    with newest_catalog(site) as catalog:
        counts, holds = catalog.counts(), catalog.holds.all_waiting()
        newest = next(iter(catalog.last_publications(1)), None)
    return SiteStatus(
        counts=counts,
        newest=newest,
        queued=waiting(site, at_most=0).length,
        holds=holds,
        backfills=backfills(site),
    )
