"""Compares the measurements of a delivery with those of the last accepted deliveries, which the gate keeps for this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pyarrow as pa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.core.drift import MeasuredDelivery, MeasuredSample, drift, measured
from cutouts.core.publications import Hold, Publication, PublicationKind
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import gate_file

_FILE = "measured.json"
_LAST = 10
"""How many accepted deliveries are compared with, of the same id and of the whole site."""
_KEPT = 500
"""Values of each category and measurement that are kept of a delivery."""


def keep_measured(tables: Store, gate_id: str, judged: pa.Table) -> None:
    """Keep measurements of a delivery, without its ids, so that later ones can be compared with it."""
    write_record(tables, gate_file(gate_id, _FILE), measured(judged, _KEPT))


def drift_of(
    tables: Store, catalog: Catalog, delivery: DeliveryKey, judged: pa.Table, *, before: datetime | None = None
) -> pa.Table:
    """`DRIFT` of a delivery: of each category against the last accepted deliveries of the site that have it, and of
    images without a category against those with the same delivery id.

    Decisions whose measurements were cleared, damaged or never kept are left out, and those not made `before` that
    moment (aware).
    """
    same = _samples(tables, catalog.decisions_on(delivery.delivery_id), delivery, before)
    others = _samples(tables, catalog.last_publications(_LAST), delivery, before)
    accepted = [
        *(one for one in same if one.category is None),
        *(one for one in others if one.category is not None),
    ]
    return drift(measured(judged).samples if accepted else (), accepted)


def _samples(
    tables: Store, decisions: Iterable[Publication | Hold], delivery: DeliveryKey, before: datetime | None
) -> Iterator[MeasuredSample]:
    earlier = (one for one in decisions if before is None or one.at < before)
    gates = dict.fromkeys(one.gate_id for one in earlier if is_accepted(one) and one.delivery != delivery)
    for gate_id in [*gates][:_LAST]:
        if kept := find_record(tables, gate_file(gate_id, _FILE), MeasuredDelivery):
            yield from kept.samples


def is_accepted(one: Publication | Hold) -> bool:
    """Whether a decision is one that others are compared with: the gate published, and nobody took it back."""
    return isinstance(one, Publication) and one.kind is PublicationKind.PUBLISH and one.undone_by is None
