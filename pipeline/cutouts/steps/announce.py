"""What others still have to be told of: derived from the catalogue, whoever published and whatever was killed since."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.errors import DamagedError
from cutouts.core.publications import Announcement, Publication
from cutouts.core.records import DeliveryKey
from cutouts.steps.publish import read_decision


def unannounced(
    site: Site, *, delivery: DeliveryKey | None = None, before: datetime | None = None
) -> tuple[Announcement, ...]:
    """One announcement per delivery with publications that changed something and that nobody was told of.

    Only of one `delivery`, and of publications made `before` a moment, if these are given.
    """
    with Catalog.open(site.catalog_url) as catalog:
        pending = catalog.unannounced(delivery=delivery, before=before)
    grouped: dict[DeliveryKey, list[Publication]] = {}
    for publication in pending:
        grouped.setdefault(publication.delivery, []).append(publication)
    return tuple(Announcement(delivery=key, publications=tuple(found)) for key, found in grouped.items())


def facts_of(site: Site, announcement: Announcement) -> dict[str, object]:
    """What an event says of an announcement: its counts and ids, and the last decision's counts of all images.

    Without those if the decision is gone (somebody cleared old tables) or damaged.
    """
    gate_id = announcement.publications[-1].gate_id
    facts = {**announcement.counts, "publication_ids": announcement.publication_ids, "gate_id": gate_id}
    try:
        decision = read_decision(site, gate_id)
    except (FileNotFoundError, DamagedError):  # the catalogue still knows what it published
        return facts
    return facts | {name: getattr(decision, name) for name in ("images", "quarantined", "rejected")}


def mark_announced(site: Site, publication_ids: Collection[int]) -> None:
    """Record that others were told of these publications."""
    with Catalog.open(site.catalog_url) as catalog:
        catalog.mark_announced(publication_ids, datetime.now(UTC))
