"""Sends and reads many rows at once: by COPY on PostgreSQL, and as the driver's own rows on SQLite."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa
from sqlalchemy import exc

_CSV = pyarrow.csv.WriteOptions(include_header=False)
_BATCH = 20_000
"""Rows of SQLite that are held as Python values at a time."""


def copy_in(connection: sa.Connection, table: sa.Table, batches: Iterable[pa.RecordBatch]) -> None:
    """Copy the columns of the batches to the table's columns of the same names, then update the planner's statistics.

    Raises SQLAlchemy's errors, like any other statement.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    names = {column.name for column in table.columns}
    with _driver_errors(connection), driver.cursor() as cursor:
        for batch in batches:
            chosen = ", ".join(f'"{name}"' for name in batch.schema.names if name in names)
            with cursor.copy(f"COPY {table.name} ({chosen}) FROM STDIN (FORMAT csv)") as stream:
                stream.write(_as_csv(batch))
        cursor.execute(f"ANALYZE {table.name}")


def read_columns(connection: sa.Connection, chosen: sa.Select[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """The rows of a query in the columns of `schema`, which are text and days, none of them null.

    Raises SQLAlchemy's errors, like any other statement.
    """
    if connection.dialect.name == "postgresql":
        return _copied_out(connection, chosen, schema)
    cursor = connection.execute(chosen).cursor
    assert cursor is not None
    batches = []
    with _driver_errors(connection):
        while rows := cursor.fetchmany(_BATCH):
            columns = (pa.array(values, pa.string()) for values in zip(*rows, strict=True))
            cast = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
            batches.append(pa.RecordBatch.from_arrays(cast, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _copied_out(connection: sa.Connection, chosen: sa.Select[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    driver = connection.connection.driver_connection
    assert driver is not None
    query, sink = chosen.compile(connection), io.BytesIO()
    copying = f"COPY ({query}) TO STDOUT (FORMAT csv)"
    with _driver_errors(connection), driver.cursor() as cursor, cursor.copy(copying, query.params) as stream:
        for piece in stream:
            sink.write(piece)
    if not sink.tell():
        return schema.empty_table()
    types = pyarrow.csv.ConvertOptions(column_types=schema, strings_can_be_null=False)
    read, parse = pyarrow.csv.ReadOptions(column_names=schema.names), pyarrow.csv.ParseOptions(newlines_in_values=True)
    table = pyarrow.csv.read_csv(pa.BufferReader(sink.getbuffer()), read, parse, types)
    return table.cast(schema)


@contextmanager
def _driver_errors(connection: sa.Connection) -> Iterator[None]:
    """Raise errors of the driver, which SQLAlchemy does not see, as its own."""
    try:
        yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise exc.DBAPIError.instance("COPY", None, error, connection.dialect.loaded_dbapi.Error) from error


def _as_csv(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(batch, sink, _CSV)
    return sink.getvalue()
