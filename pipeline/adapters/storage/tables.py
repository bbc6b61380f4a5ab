"""Tables and records on a store: Parquet for many rows, JSON for one record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from pipeline.adapters.storage.store import Store

R = TypeVar("R")


def write_table(store: Store, name: str, table: pa.Table) -> None:
    """Write one Parquet file whole."""
    with store.writing(name) as stream:
        pq.write_table(table, stream, compression="zstd")


def write_row_groups(store: Store, name: str, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write one Parquet file whole, each table of `groups` as a row group of its own, one in memory at a time."""
    with store.writing(name) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(group.num_rows, 1))


def read_table(store: Store, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one Parquet file. FileNotFoundError where it is not there."""
    with store.fs.open(store.path(name), "rb") as stream:
        return pq.read_table(stream, columns=None if columns is None else list(columns))


def read_row_group(store: Store, name: str, index: int) -> pa.Table:
    """Read one row group of a Parquet file."""
    with store.fs.open(store.path(name), "rb") as stream:
        return pq.ParquetFile(stream).read_row_group(index)


def read_folder(store: Store, folder: str, schema: pa.Schema, columns: Sequence[str], where: Any = None) -> pa.Table:
    """The rows of all Parquet files below `folder` that `where` lets through; no rows where there is no file."""
    parts = [store.path(name) for name in store.names(folder, ".parquet")]
    if not parts:
        return pa.schema([schema.field(name) for name in columns]).empty_table()
    return pads.dataset(parts, schema=schema, filesystem=store.fs, format="parquet").to_table(
        columns=list(columns), filter=where
    )


def table_of(records: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """Frozen records as a table of that schema."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=schema)


def records_of(table: pa.Table, kind: type[R]) -> tuple[R, ...]:
    """A table's rows as records of `kind`."""
    one = TypeAdapter(kind)
    return tuple(one.validate_python(row) for row in table.to_pylist())


def write_record(store: Store, name: str, record: Any) -> None:
    """Write one record as JSON."""
    store.write(name, TypeAdapter(type(record)).dump_json(record, indent=1))


def read_record(store: Store, name: str, kind: type[R]) -> R:
    """Read one record. FileNotFoundError where it is not there."""
    return TypeAdapter(kind).validate_json(store.read(name))
