"""The catalogue's journal beside the tables: what each publication changed, and what people decided.

It is derived from the database, which knows what the journal lacks. So a kill between a transaction and its record
loses nothing: the next step writes it. From the journal, a lost database can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from cutouts.adapters.catalog import Catalog, CatalogJournal, Due, DuePublication, Journal, JournalKeys
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import read_record, write_record
from cutouts.adapters.storage.stored_tables import row_groups, write_row_groups
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, DamagedError
from cutouts.core.journal import JournalledHold, JournalledPublication, JournalledReviews
from cutouts.core.table_paths import (
    JOURNAL,
    JOURNAL_CHANGES,
    JOURNAL_RECORD,
    journal_file,
    journal_hold_file,
    journal_reviews_file,
)
from cutouts.schemas.tables import CATALOG_CHANGES
from cutouts.steps.journal_age import require_newest, require_own
from cutouts.steps.lease import site_lease

R = TypeVar("R")
_THREADS = 16
_AT_ONCE = 500
"""Records that are written between two marks. A kill costs no more than writing these again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The counts of a rebuilt catalogue: publications, holds, and live images; `newest` is the last publication."""

    publications: int
    holds: int
    images: int
    newest: int


@contextmanager
def newest_catalog(site: Site) -> Iterator[Catalog]:
    """The opened catalogue, to show what it has. Raises CutoutsError if it is older than its journal."""
    require_type("site", site, Site)
    with Catalog.open(site.catalog_url) as catalog:
        require_newest(open_store(site.tables_url), catalog)
        yield catalog


@contextmanager
def journalled(site: Site) -> Iterator[Catalog]:
    """The opened catalogue, to change it. If the block ends without an error, what it changed is written to the
    journal.

    It holds a shared lease of the site, so that nothing is cleared, forgotten or rebuilt in between. Raises
    CutoutsError, before anything is changed, if the catalogue is older than its journal.
    """
    with site_lease(site):
        with newest_catalog(site) as catalog:
            yield catalog
        keep_journal(site)


def keep_journal(site: Site) -> int:
    """Write everything to the journal that the catalogue has and the journal lacks. Returns the number of records.

    Raises CutoutsError if the journal has another publication of the same number, or later ones than the catalogue.
    """
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        if not catalog.journal.is_due():
            return 0
        require_newest(tables, catalog)
        with catalog.journal.turn():
            return _write(tables, catalog.journal)


def _write(tables: Store, journal: CatalogJournal) -> int:
    """Write everything that is due, the oldest first, some records at a time. Each is marked after all of them are
    there, so what a kill leaves unmarked is written again."""
    count, published = 0, journal.due_publications()
    require_own(tables, [one.record for one in published if one.whole])
    for due in (journal.due_holds(), journal.due_reviews(), published):
        for begin in range(0, len(due), _AT_ONCE):
            some = due[begin : begin + _AT_ONCE]
            list(in_parallel(partial(_write_one, tables, journal), some))
            journal.mark(some)
        count += len(due)
    return count


def _write_one(tables: Store, journal: CatalogJournal, one: Due) -> None:
    record = one.record
    if isinstance(record, JournalledHold):
        write_record(tables, journal_hold_file(record.gate_id), record)
    elif isinstance(record, JournalledReviews):
        write_record(tables, journal_reviews_file(record.gate_id), record)
    else:
        if isinstance(one, DuePublication) and one.whole:
            with journal.changes(record) as batches:
                groups = (pa.Table.from_batches([batch]) for batch in batches)
                write_row_groups(tables, journal_file(record.publication_id, JOURNAL_CHANGES), groups, CATALOG_CHANGES)
        write_record(tables, journal_file(record.publication_id, JOURNAL_RECORD), record)


def rebuild(site: Site) -> Rebuilt:
    """Rebuild the catalogue's database, which must be empty, from the journal, in one transaction.

    Raises CutoutsError if the database is not empty or there is no journal, TransientError if anything runs on the
    site, and DamagedError if a record or table of the journal is missing or damaged.
    """
    tables = open_store(site.tables_url)
    with site_lease(site, alone=True), Catalog.open(site.catalog_url) as catalog:
        journal = _journal(tables)
        published = journal.published
        if not journal.held and not published:
            raise CutoutsError(f"there is no journal at {tables.url}/{JOURNAL}: the catalogue cannot be rebuilt")
        _require_whole(tables, published)
        catalog.journal.restore(journal, _changes(tables, published))
        counts = catalog.counts()
    newest = published[-1].publication_id if published else 0
    return Rebuilt(publications=counts.publications, holds=counts.holds, images=counts.images, newest=newest)


def restore_expected(tables: Store, journal: CatalogJournal, target: CatalogJournal) -> None:
    """Fill an empty catalogue as the journal says, and with what the journal does not have yet.

    Raises DamagedError if a record or table of the journal is missing or damaged.
    """
    recorded, due = _journal(tables), journal.due_publications()
    published = {one.publication_id: one for one in recorded.published}
    published |= {one.record.publication_id: one.record for one in due}
    held = {one.gate_id: one for one in (*recorded.held, *(one.record for one in journal.due_holds()))}
    reviewed = {one.gate_id: one for one in (*recorded.reviewed, *(one.record for one in journal.due_reviews()))}
    expected = Journal(
        held=[*held.values()], reviewed=[*reviewed.values()], published=[published[one] for one in sorted(published)]
    )
    _require_whole(tables, expected.published)
    unwritten = {one.record.publication_id for one in due if one.whole}

    def changes() -> Iterator[tuple[JournalledPublication, pa.RecordBatch]]:
        for one in expected.published:
            if one.publication_id in unwritten:
                with journal.changes(one) as batches:
                    yield from ((one, batch) for batch in batches)
            else:
                yield from _changes(tables, [one])

    target.restore(expected, changes())


def drop_forgotten(site: Site) -> None:
    """Remove the reviews from the journal whose images were all forgotten; other records are only written again."""
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        kept = {journal_reviews_file(gate_id) for gate_id in catalog.journal.written().reviews}
    tables.remove_all(sorted({*tables.names(f"{JOURNAL}/reviews", ".json")} - kept))


def lost_records(tables: Store, journal: CatalogJournal) -> JournalKeys:
    """The records that were written to the journal and are not there any more."""
    names = {*tables.names(JOURNAL, ".json")}
    keys = journal.written()
    numbers = (one for one in keys.publications if journal_file(one, JOURNAL_RECORD) not in names)
    return JournalKeys(
        publications=frozenset(numbers),
        holds=frozenset(one for one in keys.holds if journal_hold_file(one) not in names),
        reviews=frozenset(one for one in keys.reviews if journal_reviews_file(one) not in names),
    )


def _journal(tables: Store) -> Journal:
    published = _records(tables, tables.names(f"{JOURNAL}/publications", f"/{JOURNAL_RECORD}"), JournalledPublication)
    return Journal(
        held=_records(tables, tables.names(f"{JOURNAL}/holds", ".json"), JournalledHold),
        reviewed=_records(tables, tables.names(f"{JOURNAL}/reviews", ".json"), JournalledReviews),
        published=sorted(published, key=lambda one: one.publication_id),
    )


def _records(tables: Store, names: Sequence[str], kind: type[R]) -> list[R]:
    return [*in_parallel(partial(read_record, tables, kind=kind), names, threads=_THREADS)]


def _require_whole(tables: Store, published: Sequence[JournalledPublication]) -> None:
    """Raise DamagedError if a publication is missing that a later one of the same delivery id follows."""
    there = {one.publication_id for one in published}
    for one in published:
        if one.previous is not None and one.previous not in there:
            raise DamagedError(f"{tables.url}/{journal_file(one.previous, JOURNAL_RECORD)}", "it is not there")


def _changes(
    tables: Store, published: Sequence[JournalledPublication]
) -> Iterator[tuple[JournalledPublication, pa.RecordBatch]]:
    for one in published:
        for group in row_groups(tables, journal_file(one.publication_id, JOURNAL_CHANGES)):
            for batch in group.to_batches():
                yield one, batch
