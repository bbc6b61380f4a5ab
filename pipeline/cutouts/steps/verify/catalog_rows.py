"""Checks the catalogue's rows against its journal, which has a digest of everything that was published or decided."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.catalog.comparing import Difference
from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.errors import DamagedError, TransientError
from cutouts.steps.journal import restore_expected
from cutouts.steps.verify.findings import Finding

_TRIES = 5
_SHOWN = 20
"""The largest number of findings per table; a catalogue may have a million rows."""
_HELP = "rebuild the catalogue from its journal (`cutouts catalog rebuild`), or put it back from a backup"


def catalog_findings(site: Site) -> Iterator[Finding]:
    """A finding for each row of the catalogue that is not as its journal says, and for what the database itself finds.

    Raises TransientError if the catalogue changed during each comparison.
    """
    with Catalog.open(site.catalog_url) as catalog:
        place = catalog.place
        for fault in catalog.own_faults():
            yield Finding(place=place, what=f"{fault}; {_HELP}")
        try:
            found = _differences(site, catalog)
        except DamagedError as error:  # of the journal
            yield Finding(place=error.place, what=f"{error.why}, so the catalogue cannot be compared with its journal")
            return
    shown = Counter[str]()
    for one in found:
        shown[one.table] += 1
        if shown[one.table] <= _SHOWN:
            yield Finding(place=f"{place}: {one.table} {one.key}", what=f"{one.what}; {_HELP}")
    for table, count in shown.items():
        if count > _SHOWN:
            yield Finding(place=f"{place}: {table}", what=f"{count - _SHOWN} more rows are not as in the journal")


def _differences(site: Site, catalog: Catalog) -> tuple[Difference, ...]:
    for _ in range(_TRIES):
        before = catalog.moment()
        with (
            tempfile.TemporaryDirectory(prefix="cutouts-verify-") as folder,
            Catalog.open(f"sqlite:///{folder}/expected.sqlite") as expected,
        ):
            restore_expected(open_store(site.tables_url), catalog.journal, expected.journal)
            found = catalog.differences(expected)
        if not found or catalog.moment() == before:
            return found
    raise TransientError(
        f"{catalog.place} changed during each comparison with its journal: try again when less is running"
    )
