"""Notices a catalogue that is older than its journal, as after an old backup was put back: what it would write next has
been written already, about something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from cutouts.adapters.catalog import Catalog, CatalogJournal
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.core.errors import CutoutsError
from cutouts.core.journal import JournalledHold, JournalledPublication
from cutouts.core.publications import Hold
from cutouts.core.table_paths import JOURNAL, JOURNAL_RECORD, journal_file, journal_hold_file

_NEXT = 2
"""Numbers after the newest publication that are looked for: a kill can leave a gap in PostgreSQL's numbers."""
_FEW = 16
"""Up to this number of publications, their earlier records are looked for one by one, not by a listing."""
_OLDER = "the catalogue is older than its journal. Rebuild it from the journal (`cutouts catalog rebuild`)"


def require_newest(tables: Store, catalog: Catalog) -> None:
    """Raise CutoutsError if the journal has a publication that comes after the catalogue's newest."""
    newest = catalog.journal.newest()
    while later := _later(tables, newest):
        newest, before = catalog.journal.newest(), newest
        if newest == before:
            raise CutoutsError(
                f"{tables.url}/{journal_file(later, JOURNAL_RECORD)} comes after publication {newest}, "
                f"the newest of the catalogue: {_OLDER}. Nothing was changed"
            )


def require_unsettled(tables: Store, catalog: Catalog, hold: Hold) -> None:
    """Raise CutoutsError if the journal has a person's word about a hold, and the catalogue does not."""
    name = journal_hold_file(hold.gate_id)
    record = find_record(tables, name, JournalledHold)
    if record is None or not (record.approved or record.rejected):
        return
    settled = catalog.holds.approval_for(hold.judged) or catalog.holds.rejection_for(hold.judged)
    if not settled:
        raise CutoutsError(f"{tables.url}/{name} has a decision already: {_OLDER}. Nothing was changed")


def require_own(tables: Store, due: Sequence[JournalledPublication]) -> None:
    """Raise CutoutsError if the journal has another publication of one of these numbers: a newer history would be
    lost."""
    for name, words in _foreign(tables, due):
        raise CutoutsError(f"{tables.url}/{name} is {words}")


def foreign_records(tables: Store, journal: CatalogJournal) -> dict[str, str]:
    """The records, by name, that are about other publications than the catalogue has under their numbers, and what is
    wrong with each, in words."""
    return dict(_foreign(tables, [one.record for one in journal.due_publications() if one.whole]))


def _later(tables: Store, newest: int) -> int | None:
    """The number of a publication soon after the newest one that has a record; None if there is none."""
    names = [journal_file(number, JOURNAL_RECORD) for number in range(newest + 1, newest + 1 + _NEXT)]
    found = in_parallel(partial(find_record, tables, kind=JournalledPublication), names)
    return next((record.publication_id for record in found if record), None)


def _foreign(tables: Store, due: Sequence[JournalledPublication]) -> Iterator[tuple[str, str]]:
    """The same for publications that are `due`. If many are, a listing says which records there are."""
    names = {journal_file(one.publication_id, JOURNAL_RECORD): one.gate_id for one in due}
    there = [*names] if len(names) <= _FEW else tables.names(f"{JOURNAL}/publications", f"/{JOURNAL_RECORD}")
    asked = [name for name in there if name in names]
    before = in_parallel(partial(find_record, tables, kind=JournalledPublication), asked)
    for name, record in zip(asked, before, strict=True):
        if record and record.gate_id != names[name]:
            yield name, f"another publication {record.publication_id} than the catalogue's: {_OLDER}"
