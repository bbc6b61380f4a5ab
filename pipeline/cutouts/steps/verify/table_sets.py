"""The tables of a site, in sets of files that belong together. The record of a set is written last and vouches for the
others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import check_record, find_record
from cutouts.adapters.storage.stored_tables import check_table
from cutouts.core.errors import StorageError
from cutouts.core.progress import Counter
from cutouts.core.table_paths import JOINED_RECORD, JOURNAL, JOURNAL_CHANGES, JOURNAL_RECORD
from cutouts.steps.ledger import SCHEMAS, Joined
from cutouts.steps.verify.findings import FaultKind, Finding, Outages, fault_of

R = TypeVar("R")

DAMAGED = "damaged"
"""The folder, beside the tables, that damaged files are moved to."""

_RECORDS = {
    "plans": "plan.json",
    "shards": "receipt.json",
    "gates": "decision.json",
    "ledger": JOINED_RECORD,
    JOURNAL: JOURNAL_RECORD,
}
_MEMBERS = {
    "plans": ("delivery.parquet", "shards.parquet"),
    "shards": tuple(f"{name}.parquet" for name in SCHEMAS),
    "gates": ("outcomes.parquet",),
    "ledger": tuple(f"{name}.parquet" for name in SCHEMAS),
    JOURNAL: (JOURNAL_CHANGES,),
}
_JOINED = "ledger/joined/"
_THREADS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSet:
    """Files that are only useful together; `record` is the one that is written last.

    It is None for a manifest, and for a part of the ledger that one plan made; a joined part has a record.
    """

    members: tuple[str, ...]
    record: str | None

    @property
    def files(self) -> tuple[str, ...]:
        """All files, the record first: without it, the others count as not written."""
        return self.members if self.record is None else (self.record, *self.members)

    @property
    def ledger(self) -> bool:
        """Whether it is a part of the ledger."""
        return bool(self.members) and self.members[0].startswith("ledger/")

    @property
    def journal(self) -> bool:
        """Whether it is a record of the catalogue's journal."""
        return self.files[0].startswith(f"{JOURNAL}/")


def table_sets(tables: Store) -> tuple[TableSet, ...]:
    """Every set of tables that has its record, every other record, every single part of the ledger in use, and every
    manifest that was made of a folder."""
    records = [name for name in tables.names("", ".json") if not name.startswith((f"{DAMAGED}/", _JOINED))]
    manifests = (TableSet(members=(name,), record=None) for name in tables.names("manifests", ".parquet"))
    return (*map(_set_of, records), *ledger_sets(tables), *manifests)


def ledger_sets(tables: Store) -> tuple[TableSet, ...]:
    """Every joined part of the ledger that has its record, and every single part in use."""
    joined = tables.names(_JOINED.rstrip("/"), f"/{JOINED_RECORD}")
    parts = {_part_of(name) for name in tables.names("ledger", ".parquet") if not name.startswith(_JOINED)}
    single = sorted(parts - _held(tables, joined))
    return (*map(_set_of, joined), *(_ledger_set(recipe, part) for recipe, part in single))


def _held(tables: Store, records: Iterable[str]) -> set[tuple[str, str]]:
    """The single parts (recipe and file name) that joined parts hold. Leftover files of these are not read any more."""
    found = ((name, readable_record(tables, name, Joined)) for name in records)
    return {(name.split("/")[2], f"{part}.parquet") for name, joined in found if joined for part in joined.parts}


def readable_record(tables: Store, name: str, kind: type[R]) -> R | None:
    """The record with that name; None if it is missing, damaged or cannot be read."""
    try:
        return find_record(tables, name, kind)
    except StorageError:
        return None


def current(tables: Store, damaged: Sequence[tuple[TableSet, Finding]]) -> list[tuple[TableSet, Finding]]:
    """The damaged sets that still exist: another process may have joined parts of the ledger during the check."""
    there = {one.files for one in table_sets(tables)} if damaged else set()
    return [(one, finding) for one, finding in damaged if one.files in there]


def damage(
    tables: Store, sets: Sequence[TableSet], heard: Counter, *, whole: bool
) -> Iterator[tuple[TableSet, Finding]]:
    """Each set with a missing, damaged or unreadable file, and the first finding about an unreadable one, or else the
    first; with `whole`, every byte is read. Each file that was checked is `heard` of.

    Raises TransientError if too many files cannot be read at the moment.
    """

    def look(one: TableSet) -> list[Finding]:
        return [finding for name in one.files if (finding := _damage(tables, name, whole=whole))]

    outages = Outages()
    for one, found in zip(sets, in_parallel(look, sets, threads=_THREADS), strict=True):
        heard.add("checked", len(one.files))
        if found:
            outages.note(found[-1])
            yield one, max(found, key=lambda finding: finding.kind is not FaultKind.DAMAGED)


def part_of(one: TableSet) -> str:
    """The name of a part of the ledger that one plan made."""
    return one.members[0].rpartition("/")[2].removesuffix(".parquet")


def move_away(tables: Store, one: TableSet) -> None:
    """Move the files of a set to `damaged/`, the record first: after that, the set counts as not written."""
    for name in one.files:
        tables.move(name, f"{DAMAGED}/{name}")


def _set_of(record: str) -> TableSet:
    folder, _, name = record.rpartition("/")
    kind = record.partition("/")[0]
    members = _MEMBERS[kind] if _RECORDS.get(kind) == name else ()
    return TableSet(members=tuple(f"{folder}/{member}" for member in members), record=record)


def _part_of(name: str) -> tuple[str, str]:
    _, _, recipe, part = name.split("/")
    return recipe, part


def _ledger_set(recipe: str, part: str) -> TableSet:
    return TableSet(members=tuple(f"ledger/{table}/{recipe}/{part}" for table in SCHEMAS), record=None)


def _damage(tables: Store, name: str, *, whole: bool) -> Finding | None:
    def look() -> None:
        if name.endswith(".json"):
            check_record(tables, name)
        else:
            check_table(tables, name, whole=whole)

    fault = fault_of(look)
    return Finding(place=f"{tables.url}/{name}", what=fault.words, kind=fault.kind) if fault else None
