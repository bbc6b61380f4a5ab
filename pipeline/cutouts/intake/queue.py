"""The queue of accepted deliveries that are not in progress yet: one record each, so that a kill loses none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import read_record, write_record
from cutouts.core.config import Site
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import WAITING, waiting_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The first deliveries of the queue, oldest day first, and the number of all waiting deliveries."""

    first: tuple[DeliveryKey, ...]
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A delivery in the queue."""

    delivery: DeliveryKey


def enter(site: Site, delivery: DeliveryKey) -> None:
    """Put a delivery into the queue; a delivery is never in it twice."""
    write_record(open_store(site.tables_url), waiting_file(delivery), _Waiting(delivery=delivery))


def waiting(site: Site, *, at_most: int) -> Queue:
    """The queue now. Only its first deliveries are read."""
    tables = open_store(site.tables_url)
    names = tables.names(WAITING, ".json")
    found = (_read(tables, name) for name in names[: max(0, at_most)])
    return Queue(first=tuple(key for key in found if key), length=len(names))


def leave(site: Site, deliveries: Iterable[DeliveryKey]) -> None:
    """Remove deliveries from the queue; one that is not in it is ignored."""
    tables = open_store(site.tables_url)
    for delivery in deliveries:
        tables.remove(waiting_file(delivery))


def _read(tables: Store, name: str) -> DeliveryKey | None:
    """The delivery of a record; None if it has left the queue meanwhile."""
    try:
        return read_record(tables, name, _Waiting).delivery
    except FileNotFoundError:
        return None
