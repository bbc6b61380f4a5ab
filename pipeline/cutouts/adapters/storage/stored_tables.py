"""Tables and records on a store: Parquet for many rows, JSON for one record, both with checksums that are verified.

A table is sealed (`seal`), a record has the SHA-256 of its JSON. What does not match raises DamagedError.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from cutouts.adapters.storage.seal import SealedFile, sealing
from cutouts.adapters.storage.store import Store
from cutouts.core.errors import DamagedError

R = TypeVar("R")


def write_table(store: Store, name: str, table: pa.Table) -> None:
    """Write one Parquet file whole, sealed."""
    with _writer(store, name, table.schema) as writer:
        writer.write_table(table)


def write_row_groups(store: Store, name: str, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write one Parquet file whole, sealed, each table of `groups` as a row group, one in memory at a time."""
    with _writer(store, name, schema) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(group.num_rows, 1))


def read_table(store: Store, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one Parquet file. DamagedError if it is not there or not what was written."""
    with _parquet(store, name) as file:
        return file.read(columns=None if columns is None else list(columns))


def read_row_group(store: Store, name: str, index: int) -> pa.Table:
    """Read one row group of a Parquet file. DamagedError if it is not there or not what was written."""
    with _parquet(store, name) as file:
        return file.read_row_group(index)


def read_folder(store: Store, folder: str, schema: pa.Schema, columns: Sequence[str], where: Any = None) -> pa.Table:
    """The rows of all Parquet files below `folder` that `where` lets through; no rows if there is no file.

    Files are read side by side, and filtered some at a time: only rows that are let through are kept.
    """
    wanted = pa.schema([schema.field(name) for name in (columns if where is None else schema.names)])
    kept: list[pa.Table] = []
    held, rows = [wanted.empty_table()], 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for table in pool.map(lambda name: read_table(store, name, wanted.names), store.names(folder, ".parquet")):
            held.append(table.cast(wanted))
            rows += table.num_rows
            if rows > _ROWS:
                kept.append(_let_through(held, where, columns))
                held, rows = [wanted.empty_table()], 0
    return pa.concat_tables([*kept, _let_through(held, where, columns)])


def _let_through(tables: Sequence[pa.Table], where: Any, columns: Sequence[str]) -> pa.Table:
    table = pa.concat_tables(tables)
    return (table if where is None else table.filter(where)).select(list(columns))


def table_of(records: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """Frozen records as a table of that schema."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=schema)


def records_of(table: pa.Table, kind: type[R]) -> tuple[R, ...]:
    """A table's rows as records of `kind`."""
    one = TypeAdapter(kind)
    return tuple(one.validate_python(row) for row in table.to_pylist())


def write_record(store: Store, name: str, record: Any) -> None:
    """Write one record as JSON, with its digest."""
    body = TypeAdapter(type(record)).dump_json(record, indent=1)
    store.write(name, b'{"sha256": "%s", "record": %s}' % (hashlib.sha256(body).hexdigest().encode(), body))


def read_record(store: Store, name: str, kind: type[R]) -> R:
    """Read one record. FileNotFoundError if it is not there, DamagedError if it is not what was written."""
    body = _verified(store, name)
    try:
        return TypeAdapter(kind).validate_json(body)
    except ValidationError as error:
        raise _damaged(store, name, f"it is not a {kind.__name__}") from error


def check_record(store: Store, name: str) -> None:
    """DamagedError if the record, whatever kind it is, is not there or not what was written."""
    try:
        json.loads(_verified(store, name))
    except FileNotFoundError as error:
        raise _damaged(store, name, "it is not there") from error
    except ValueError as error:
        raise _damaged(store, name, "it is not JSON") from error


def check_table(store: Store, name: str, *, whole: bool) -> None:
    """DamagedError if the Parquet file is not there or its footer is damaged; with `whole`, every page is read."""
    with _parquet(store, name) as file:
        for index in range(file.num_row_groups if whole else 0):
            file.read_row_group(index)


def find_record(store: Store, name: str, kind: type[R]) -> R | None:
    """Read one record; None if it is not there or damaged, so that whoever writes it writes it again."""
    try:
        return read_record(store, name, kind)
    except (FileNotFoundError, DamagedError):
        return None


_RECORD = re.compile(rb'\{"sha256": "([0-9a-f]{64})", "record": (.*)\}', re.DOTALL)
_THREADS = 8
_ROWS = 500_000
"""Rows that are held before they are filtered."""


def _verified(store: Store, name: str) -> bytes:
    """The JSON of a record, once it matches its digest."""
    data = store.read(name)
    found = _RECORD.fullmatch(data)
    if found is None:  # once, records had no digest
        return data
    if hashlib.sha256(found[2]).hexdigest().encode() != found[1]:
        raise _damaged(store, name, "it does not match its digest")
    return found[2]


@contextmanager
def _writer(store: Store, name: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    how = {"compression": "zstd", "write_page_checksum": True}
    with store.writing(name) as stream, sealing(stream) as sink, pq.ParquetWriter(sink, schema, **how) as writer:
        yield writer
        sink.footer_follows()


@contextmanager
def _parquet(store: Store, name: str) -> Iterator[pq.ParquetFile]:
    """The file, opened; what it raises while it is read is told as damage, what the store raises is not."""
    try:
        with store.reading(name) as stream, _telling_damage(store, name):
            yield pq.ParquetFile(SealedFile(stream))
    except FileNotFoundError as error:
        raise _damaged(store, name, "it is not there") from error


@contextmanager
def _telling_damage(store: Store, name: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise _damaged(store, name, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # the store's own; of broken content Arrow raises OSError without a number
            raise
        raise _damaged(store, name, str(error)) from error


def _damaged(store: Store, name: str, why: str) -> DamagedError:
    return DamagedError(f"{store.url}/{name}", why)
