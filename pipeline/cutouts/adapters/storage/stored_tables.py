"""Tables and records on a store: Parquet for many rows, JSON for one record, both with checksums that are verified.

A Parquet page has a CRC-32, a record the SHA-256 of its JSON. What does not match raises DamagedError.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from cutouts.adapters.storage.store import Store
from cutouts.core.errors import DamagedError

R = TypeVar("R")


def write_table(store: Store, name: str, table: pa.Table) -> None:
    """Write one Parquet file whole."""
    with store.writing(name) as stream:
        pq.write_table(table, stream, compression="zstd", write_page_checksum=True)


def write_row_groups(store: Store, name: str, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write one Parquet file whole, each table of `groups` as a row group of its own, one in memory at a time."""
    how = {"compression": "zstd", "write_page_checksum": True}
    with store.writing(name) as stream, pq.ParquetWriter(stream, schema, **how) as writer:
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
    """The rows of all Parquet files below `folder` that `where` lets through; no rows where there is no file."""
    names = store.names(folder, ".parquet")
    if not names:
        return pa.schema([schema.field(name) for name in columns]).empty_table()
    files = pads.dataset([store.path(name) for name in names], schema=schema, filesystem=store.fs, format=_VERIFIED)
    try:
        return files.to_table(columns=list(columns), filter=where)
    except (pa.ArrowException, OSError):
        for name in names:
            read_table(store, name)  # raises for the one that is damaged
        raise


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
    data = store.read(name)
    found = _RECORD.fullmatch(data)
    if found is not None and hashlib.sha256(found[2]).hexdigest().encode() != found[1]:
        raise _damaged(store, name, "it does not match its digest")
    try:
        return TypeAdapter(kind).validate_json(data if found is None else found[2])  # once, records had no digest
    except ValidationError as error:
        raise _damaged(store, name, f"it is not a {kind.__name__}") from error


def find_record(store: Store, name: str, kind: type[R]) -> R | None:
    """Read one record; None if it is not there or damaged, so that whoever writes it writes it again."""
    try:
        return read_record(store, name, kind)
    except (FileNotFoundError, DamagedError):
        return None


_RECORD = re.compile(rb'\{"sha256": "([0-9a-f]{64})", "record": (.*)\}', re.DOTALL)
_VERIFIED = pads.ParquetFileFormat(
    default_fragment_scan_options=pads.ParquetFragmentScanOptions(page_checksum_verification=True)
)


@contextmanager
def _parquet(store: Store, name: str) -> Iterator[pq.ParquetFile]:
    """The file, opened; what it raises while it is read is told as damage, what the store raises is not."""
    try:
        with store.reading(name) as stream, _telling_damage(store, name):
            yield pq.ParquetFile(stream, page_checksum_verification=True)
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
    place = f"{store.url}/{name}"
    again = place if name.startswith("ledger/") else place.rpartition("/")[0]
    return DamagedError(f"{place} is damaged: {why}. Put it back from a backup, or delete {again} and run again")
