"""Publications that still have to be announced. The catalogue alone tells which, so it does not matter who published or
which process was killed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision
from cutouts.core.publications import Announcement, Publication
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import gate_file
from cutouts.steps.journal import journalled


def unannounced(
    site: Site, *, delivery: DeliveryKey | None = None, before: datetime | None = None
) -> tuple[Announcement, ...]:
    """One announcement per delivery that has publications which changed something and are not announced yet.

    If given, only those of one `delivery`, and only publications made `before` a moment.
    """
    with Catalog.open(site.catalog_url) as catalog:
        pending = catalog.unannounced(delivery=delivery, before=before)
    grouped: dict[DeliveryKey, list[Publication]] = {}
    for publication in pending:
        grouped.setdefault(publication.delivery, []).append(publication)
    return tuple(Announcement(delivery=key, publications=tuple(found)) for key, found in grouped.items())


def facts_of(site: Site, announcement: Announcement) -> dict[str, object]:
    """The content of an event: the counts and ids of an announcement, and the last decision's counts of all images.

    The last decision's counts are left out if its record is missing (old tables were deleted) or damaged.
    """
    gate_id = announcement.publications[-1].gate_id
    facts = {**announcement.counts, "publication_ids": announcement.publication_ids, "gate_id": gate_id}
    decision = find_record(open_store(site.tables_url), gate_file(gate_id, "decision.json"), GateDecision)
    if decision is None:  # the catalogue still knows what it published
        return facts
    return facts | {name: getattr(decision, name) for name in ("images", "quarantined", "rejected")}


def mark_announced(site: Site, publication_ids: Collection[int]) -> None:
    """Record that these publications were announced."""
    with journalled(site) as catalog:
        catalog.mark_announced(publication_ids, datetime.now(UTC))
