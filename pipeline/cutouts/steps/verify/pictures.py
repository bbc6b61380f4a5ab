"""Checks the pictures of renditions. A broken one is dropped from the catalogue, and then rendered again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from cutouts.adapters.catalog.catalog_renditions import CatalogRenditions
from cutouts.adapters.storage.store import Store, object_name
from cutouts.core.renditions.records import RenditionEntry
from cutouts.steps.verify.findings import FaultKind, Finding, Outages, fault_of
from cutouts.steps.verify.objects import set_aside


def picture_findings(objects: Store, renditions: CatalogRenditions, *, whole: bool, repair: bool) -> Iterator[Finding]:
    """A finding for each picture of a live image that is missing or has another size; with `whole`, also for each whose
    bytes do not match its name. A `repair` drops its row, so that the next `cutouts render --all-stale` makes it
    again."""
    outages = Outages()
    for entry in {one.picture: one for one in renditions.entries()}.values():
        fault = fault_of(partial(_fault, objects, entry, whole=whole))
        if fault is None:
            continue
        outages.note(fault)
        mend = repair and fault.kind is FaultKind.DAMAGED
        if mend:
            set_aside(objects, entry.picture)
            objects.remove(entry.picture)
            renditions.drop([entry.picture])
        done = "dropped: `cutouts render --all-stale` renders it again" if mend else None
        yield Finding(place=f"{objects.url}/{entry.picture}", what=fault.words, kind=fault.kind, repaired=done)


def _fault(objects: Store, entry: RenditionEntry, *, whole: bool) -> str | None:
    """The fault of a picture; None if it has none. Raises FileNotFoundError or DamagedError if it cannot be read."""
    objects.tail(entry.picture, 1)
    size = objects.size(entry.picture)
    if size != entry.bytes:
        return f"it has {size} B instead of {entry.bytes} B"
    if whole and object_name(objects.read(entry.picture), PurePosixPath(entry.picture).suffix) != entry.picture:
        return "its bytes do not match its name"
    return None
