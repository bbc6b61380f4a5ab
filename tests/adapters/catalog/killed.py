"""A program that is killed while it publishes: `python -m tests.adapters.catalog.killed URL MOMENT IMAGES`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import sqlalchemy as sa

from cutouts.adapters.catalog import Catalog
from cutouts.core.publications import CatalogEntry, Draft
from tests.adapters.catalog.made import MONDAY, NOON, entry


def _die(*_event: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _entries(images: int, dies_at: int) -> Iterator[CatalogEntry]:
    for number in range(images):
        if number == dies_at:
            _die()
        yield entry(f"{number:05d}")


def _die_once_written(*event: object) -> None:
    if str(event[2]).startswith("INSERT INTO cutouts"):
        _die()


def main(url: str, moment: str, images: int) -> None:
    """Publish as `gate`; die while `reading` the second half of the entries, or once the rows are `written`."""
    with Catalog.open(url) as catalog:
        if moment == "written":
            sa.event.listen(catalog._engine, "after_cursor_execute", _die_once_written)
        entries = _entries(images, images - 1 if moment == "reading" else images)
        catalog.publish(entries, Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
