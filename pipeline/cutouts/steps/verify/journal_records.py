"""Checks that the catalogue's journal has every record that was written, and writes lost ones again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.table_paths import JOURNAL_RECORD, journal_file, journal_hold_file, journal_reviews_file
from cutouts.steps.journal import keep_journal, lost_records
from cutouts.steps.journal_age import foreign_records
from cutouts.steps.verify.findings import Finding
from cutouts.steps.verify.table_sets import TableSet


def journal_findings(site: Site, damaged: Sequence[TableSet], *, repair: bool) -> Iterator[Finding]:
    """A finding for each record that was written and is gone, except the `damaged` ones, which have theirs already, and
    for each that is another publication than the catalogue's.

    With `repair`, the lost ones are written again from the catalogue, unless it is older than its journal.
    """
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        lost, foreign = lost_records(tables, catalog.journal), foreign_records(tables, catalog.journal)
        again = repair and not foreign
        if again:
            catalog.journal.write_again(lost)
    if again:
        keep_journal(site)
    for name, words in foreign.items():
        yield Finding(place=f"{tables.url}/{name}", what=f"it is {words}")
    names = {journal_file(one, JOURNAL_RECORD) for one in lost.publications}
    names |= {journal_hold_file(one) for one in lost.holds} | {journal_reviews_file(one) for one in lost.reviews}
    for name in sorted(names - {one.files[0] for one in damaged}):
        yield Finding(
            place=f"{tables.url}/{name}",
            what="it is not there",
            repaired="written again from the catalogue" if again else None,
        )
