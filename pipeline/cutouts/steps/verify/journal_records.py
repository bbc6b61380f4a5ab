"""Checks that the catalogue's journal has every record that was written, and writes lost ones again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.core.config import Site
from cutouts.core.table_paths import JOURNAL_RECORD, journal_file, journal_hold_file, journal_reviews_file
from cutouts.steps.journal import keep_journal, lost_records
from cutouts.steps.verify.findings import Finding
from cutouts.steps.verify.table_sets import TableSet


def journal_findings(site: Site, damaged: Sequence[TableSet], *, repair: bool) -> Iterator[Finding]:
    """A finding for each record that was written and is gone, except the `damaged` ones, which have theirs already.

    With `repair`, all of them are written again from the catalogue.
    """
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        lost = lost_records(tables, catalog.journal)
        if repair:
            catalog.journal.write_again(lost)
    if repair:
        keep_journal(site)
    names = {journal_file(one, JOURNAL_RECORD) for one in lost.publications}
    names |= {journal_hold_file(one) for one in lost.holds} | {journal_reviews_file(one) for one in lost.reviews}
    for name in sorted(names - {one.files[0] for one in damaged}):
        yield Finding(
            place=f"{tables.url}/{name}",
            what="it is not there",
            repaired="written again from the catalogue" if repair else None,
        )
