"""Inserts many rows into PostgreSQL with COPY."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa
from sqlalchemy import exc

_CSV = pyarrow.csv.WriteOptions(include_header=False)


def copy_in(connection: sa.Connection, table: sa.Table, batches: Iterable[pa.RecordBatch]) -> None:
    """Copy the columns of the batches to the table's columns of the same names, then update the planner's statistics.

    Raises SQLAlchemy's errors, like any other statement.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    names = {column.name for column in table.columns}
    try:
        with driver.cursor() as cursor:
            for batch in batches:
                chosen = ", ".join(f'"{name}"' for name in batch.schema.names if name in names)
                with cursor.copy(f"COPY {table.name} ({chosen}) FROM STDIN (FORMAT csv)") as stream:
                    stream.write(_as_csv(batch))
            cursor.execute(f"ANALYZE {table.name}")
    except connection.dialect.loaded_dbapi.Error as error:
        raise exc.DBAPIError.instance("COPY", None, error, connection.dialect.loaded_dbapi.Error) from error


def _as_csv(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(batch, sink, _CSV)
    return sink.getvalue()
