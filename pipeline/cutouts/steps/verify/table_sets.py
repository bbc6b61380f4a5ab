"""The tables of a site: files that belong together, of which the record is written last and vouches for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import check_record, check_table
from cutouts.core.errors import DamagedError
from cutouts.steps.ledger import SCHEMAS
from cutouts.steps.verify.findings import Finding

DAMAGED = "damaged"
"""The folder, beside the tables, that damaged files are moved to."""

_RECORDS = {"plans": "plan.json", "shards": "receipt.json", "gates": "decision.json"}
_MEMBERS = {
    "plans": ("delivery.parquet", "shards.parquet"),
    "shards": tuple(f"{name}.parquet" for name in SCHEMAS),
    "gates": ("outcomes.parquet",),
}
_THREADS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSet:
    """Files that are only of use together; `record` is the one that is written last, None for a part of the ledger."""

    members: tuple[str, ...]
    record: str | None

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, the record first: without it the others count as not written."""
        return self.members if self.record is None else (self.record, *self.members)


def table_sets(tables: Store) -> tuple[TableSet, ...]:
    """Every set of tables that says it is whole, and every single record."""
    records = [name for name in tables.names("", ".json") if not name.startswith(f"{DAMAGED}/")]
    parts = sorted({_part_of(name) for name in tables.names("ledger", ".parquet")})
    return (*map(_set_of, records), *(_ledger_set(recipe, part) for recipe, part in parts))


def damage(tables: Store, sets: Iterable[TableSet], *, whole: bool) -> Iterator[tuple[TableSet, Finding]]:
    """Each set that has a file which is missing or damaged; with `whole`, every byte is read."""

    def look(one: TableSet) -> tuple[TableSet, Finding] | None:
        found = [finding for name in one.files if (finding := _damage(tables, name, whole=whole))]
        return (one, found[0]) if found else None

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from filter(None, pool.map(look, sets))


def plan_of(part: TableSet) -> str:
    """The plan that made a part of the ledger."""
    return part.members[0].rpartition("/")[2].removesuffix(".parquet").partition("-")[0]


def move_away(tables: Store, one: TableSet) -> None:
    """Move the files of a set to `damaged/`, the record first: from then on the set counts as not written."""
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
    try:
        if name.endswith(".json"):
            check_record(tables, name)
        else:
            check_table(tables, name, whole=whole)
    except DamagedError as error:
        return Finding(place=f"{tables.url}/{name}", what=error.why)
    return None
