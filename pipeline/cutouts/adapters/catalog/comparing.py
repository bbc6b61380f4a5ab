"""Compares the rows of two catalogues, and checks what a database can check of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from cutouts.adapters.catalog.sql_tables import (
    approvals,
    cutouts,
    hold_rejections,
    holds,
    image_reviews,
    metadata,
    past_cutouts,
    products,
    publications,
    taken_back,
)

_COMPARED = (holds, approvals, hold_rejections, publications, cutouts, past_cutouts, taken_back, image_reviews)
_MARKS = ("changed", "journalled")
"""Columns in which the catalogue counts what its journal has."""
_BATCH = 20_000
_DIGEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row of `table` that is not as expected: what its key is, and what is wrong."""

    table: str
    key: str
    what: str


def differences(mine: sa.Connection, expected: sa.Connection) -> Iterator[Difference]:
    """The rows of one catalogue that another one does not have in exactly that form, and the rows that it lacks.

    The days on which products were seen may be more than expected: deliveries that changed nothing count, too.
    """
    for table in _COMPARED:
        yield from _different_rows(table, mine, expected)
    yield from _products(mine, expected)


def own_faults(connection: sa.Connection) -> Iterator[str]:
    """What SQLite finds wrong in its own file: pages, indexes and references. PostgreSQL checks what it reads. Also
    columns that are not there: the text that defines a table may be damaged."""
    yield from _lost_columns(connection)
    if connection.dialect.name != "sqlite":
        return
    for (words,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if words != "ok":
            yield str(words)
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} refers to a row of {parent} that is not there"


def _lost_columns(connection: sa.Connection) -> Iterator[str]:
    inspector = sa.inspect(connection)
    for expected in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(expected.name)}
        for name in sorted({*expected.columns.keys()} - there):
            yield f"{expected.name} has no column {name}"


def moment(connection: sa.Connection) -> tuple[Any, ...]:
    """Changes with every publication, hold, review and record of the journal."""
    counts = [sa.func.count()]
    marked = [
        connection.execute(sa.select(*counts, sa.func.sum(table.c.changed), sa.func.sum(table.c.journalled))).one()
        for table in (publications, holds)
    ]
    reviews = connection.execute(sa.select(*counts, sa.func.sum(image_reviews.c.journalled))).one()
    return tuple(map(tuple, (*marked, reviews)))


def _different_rows(table: sa.Table, mine: sa.Connection, expected: sa.Connection) -> Iterator[Difference]:
    theirs, ours, strange, lacking = {_digest(row) for row in _rows(expected, table)}, set(), {}, {}
    for row in _rows(mine, table):
        ours.add(digest := _digest(row))
        if digest not in theirs:
            strange[_key(table, row)] = row
    if not theirs <= ours:
        lacking = {_key(table, row): row for row in _rows(expected, table) if _digest(row) not in ours}
    for key in sorted({*strange, *lacking}):
        if key not in lacking:
            what = "the journal does not have it"
        elif key not in strange:
            what = "it is missing"
        else:
            names = (name for name in _names(table) if strange[key][name] != lacking[key][name])
            what = f"it has another {', '.join(names)} than its journal"
        yield Difference(table=table.name, key=key, what=what)


def _products(mine: sa.Connection, expected: sa.Connection) -> Iterator[Difference]:
    seen = {row["product_id"]: row for row in _rows(mine, products)}
    for row in _rows(expected, products):
        found = seen.get(row["product_id"])
        if found is None or found["first_seen"] > row["first_seen"] or found["last_seen"] < row["last_seen"]:
            what = "it is missing" if found is None else "its days are not those of its images"
            yield Difference(table=products.name, key=str(row["product_id"]), what=what)


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[sa.RowMapping]:
    chosen = sa.select(*(table.c[name] for name in _names(table)))
    return iter(connection.execution_options(yield_per=_BATCH).execute(chosen).mappings())


def _names(table: sa.Table) -> list[str]:
    return [column.name for column in table.columns if column.name not in _MARKS]


def _digest(row: sa.RowMapping) -> bytes:
    return blake2b(repr(tuple(row.values())).encode(), digest_size=_DIGEST).digest()


def _key(table: sa.Table, row: sa.RowMapping) -> str:
    return "/".join(str(row[column.name]) for column in table.primary_key)
