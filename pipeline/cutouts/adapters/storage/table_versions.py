"""Handles tables of other versions: an older one is read in today's columns, a newer one is rejected."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from cutouts.schemas.tables import TABLES, version_of


class NewerTableError(Exception):
    """The file has a newer version of its table than this code knows."""


def today(written: pa.Schema) -> pa.Schema:
    """Today's schema of a file's table, or the file's own schema if it does not name one of our tables.

    Raises NewerTableError if the file has a newer version than today's.
    """
    name = (written.metadata or {}).get(b"table", b"").decode()
    if name not in TABLES:
        return written
    found, known = version_of(written), version_of(TABLES[name])
    if found > known:
        raise NewerTableError(f"the table {name} has version {found}, and this program reads it up to version {known}")
    return TABLES[name]


def conformed(table: pa.Table, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """The given columns in today's types. A column that the file lacks is empty; columns that no longer exist are left
    out.

    Raises ArrowInvalid if a column is missing that every older version has.
    """
    found = {}
    for name in columns:
        kind = schema.field(name)
        found[name] = table.column(name).cast(kind.type) if name in table.column_names else _empty(kind, table.num_rows)
    if not columns:
        return table
    return pa.table(found, schema=pa.schema([schema.field(name) for name in columns], metadata=schema.metadata))


def _empty(field: pa.Field, rows: int) -> pa.ChunkedArray:
    """The values of a column for rows written before it existed: null or empty lists. ArrowInvalid if neither fits."""
    if field.nullable:
        return pa.chunked_array([pa.nulls(rows, field.type)])
    if pa.types.is_list(field.type):
        return pa.chunked_array([pa.array([[]] * rows, field.type)])
    raise pa.ArrowInvalid(f"the column {field.name} is missing")
