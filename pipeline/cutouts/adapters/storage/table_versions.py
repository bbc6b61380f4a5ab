"""Tables of other versions: an older one is read in today's columns, a newer one is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from cutouts.schemas.tables import TABLES, version_of


class NewerTableError(Exception):
    """A file was written under a version of its table that this code does not know."""


def today(written: pa.Schema) -> pa.Schema:
    """The schema that the table of a file has today; that of the file if it names no table of ours.

    Raises NewerTableError for a newer version than today's.
    """
    name = (written.metadata or {}).get(b"table", b"").decode()
    if name not in TABLES:
        return written
    found, known = version_of(written), version_of(TABLES[name])
    if found > known:
        raise NewerTableError(f"the table {name} has version {found}, and this program reads it up to version {known}")
    return TABLES[name]


def conformed(table: pa.Table, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Some columns in today's types: one that the file lacks is empty, one that is gone is left out.

    Raises ArrowInvalid if a column is missing that no older version lacked.
    """
    found = {}
    for name in columns:
        kind = schema.field(name)
        found[name] = table.column(name).cast(kind.type) if name in table.column_names else _empty(kind, table.num_rows)
    if not columns:
        return table
    return pa.table(found, schema=pa.schema([schema.field(name) for name in columns], metadata=schema.metadata))


def _empty(field: pa.Field, rows: int) -> pa.ChunkedArray:
    """What a column holds for rows that were written before there was one: null, or a list of nothing."""
    if field.nullable:
        return pa.chunked_array([pa.nulls(rows, field.type)])
    if pa.types.is_list(field.type):
        return pa.chunked_array([pa.array([[]] * rows, field.type)])
    raise pa.ArrowInvalid(f"the column {field.name} is missing")
