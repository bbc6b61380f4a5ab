"""Tables in a store, as Parquet files with checksums.

A table is sealed (`seal`) and contains its own name. DamagedError is raised if they do not match: the content is
damaged, or it is the content of another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import TypeAdapter

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.seal import SealedFile, sealing
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import damaged, stated_name
from cutouts.adapters.storage.table_versions import NewerTableError, conformed, today
from cutouts.core.errors import StorageError

R = TypeVar("R")
T = TypeVar("T")


def write_table(store: Store, name: str, table: pa.Table) -> None:
    """Write a sealed Parquet file, whole or not at all."""
    with _writer(store, name, table.schema) as writer:
        writer.write_table(table)


def write_row_groups(store: Store, name: str, groups: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write a sealed Parquet file, whole or not at all.

    Each table of `groups` becomes a row group; only one is in memory at a time.
    """
    with _writer(store, name, schema) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(group.num_rows, 1))


def read_table(store: Store, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet file in today's columns. Raises DamagedError if it is missing or damaged."""
    with _parquet(store, name) as file:
        return file.read(columns)


def read_row_group(store: Store, name: str, index: int) -> pa.Table:
    """Read one row group of a Parquet file. Raises DamagedError if it is missing or damaged."""
    with _parquet(store, name) as file:
        return file.read(groups=[index])


def row_groups(store: Store, name: str) -> Iterator[pa.Table]:
    """The row groups of a Parquet file, one in memory at a time. Raises DamagedError as in `read_row_group`."""
    with _parquet(store, name) as file:
        for index in range(file.groups):
            yield file.read(groups=[index])


def change_table(store: Store, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replace the row groups of a Parquet file by the results of `change`. If none differs, nothing is written."""
    groups = [*row_groups(store, name)]
    changed = [change(group) for group in groups]
    if any(one != other for one, other in zip(groups, changed, strict=True)):
        write_row_groups(store, name, changed, groups[0].schema)


def filter_table(store: Store, name: str, keep: Callable[[pa.Table], pa.Array | pa.ChunkedArray]) -> int:
    """Keep only the rows of a Parquet file for which `keep` is true, and return how many were removed.

    The row groups stay the same, even if empty. If no row is removed, nothing is written.
    """
    groups = [*row_groups(store, name)]
    kept = [group.filter(keep(group)) for group in groups]
    gone: int = sum(group.num_rows for group in groups) - sum(group.num_rows for group in kept)
    if gone:
        write_row_groups(store, name, kept, groups[0].schema)
    return gone


def read_tables(
    store: Store,
    names: Iterable[str],
    schema: pa.Schema,
    columns: Sequence[str],
    where: Any = None,
    tested: Sequence[str] = (),
) -> pa.Table:
    """These columns of the rows of Parquet files that match `where`; no rows if there are no files.

    `tested` are additional columns that `where` needs. Files are read in parallel and filtered in groups, so that only
    matching rows are kept in memory.
    """
    wanted = pa.schema([schema.field(name) for name in dict.fromkeys((*columns, *tested))])
    kept: list[pa.Table] = []
    held, rows = [wanted.empty_table()], 0
    for table in read_each(store, names, wanted.names):
        held.append(table.cast(wanted))
        rows += table.num_rows
        if rows > _ROWS:
            kept.append(_let_through(held, where, columns))
            held, rows = [wanted.empty_table()], 0
    return pa.concat_tables([*kept, _let_through(held, where, columns)])


def _let_through(tables: Sequence[pa.Table], where: Any, columns: Sequence[str]) -> pa.Table:
    table = pa.concat_tables(tables)
    return (table if where is None else table.filter(where)).select(list(columns))


def read_each(store: Store, names: Iterable[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """These columns of each Parquet file, in the order of `names`. A few files are read in parallel."""
    yield from in_parallel(lambda name: read_table(store, name, columns), names)


def read_pieces(store: Store, names: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """The same, with large files in pieces of about `_ROWS` rows, so that few of their rows are in memory at a time."""

    def read(name: str) -> pa.Table | None:
        with _parquet(store, name) as file:
            return file.read(columns) if file.rows <= _ROWS else None

    for name, small in zip(names, in_parallel(read, names), strict=True):
        if small is not None:
            yield small
        else:
            with _parquet(store, name) as file:
                for groups in file.bunches(_ROWS):
                    yield file.read(columns, groups)


def read_matching(store: Store, names: Sequence[str], schema: pa.Schema, key: str, values: pa.Array) -> pa.Table:
    """The rows of Parquet files whose `key` is one of `values`. From other row groups, only that column is read."""
    keys = [table.column(key) for table in read_each(store, names, [key])]
    matched = pc.is_in(pa.chunked_array([chunk for one in keys for chunk in one.chunks], pa.string()), value_set=values)
    kept, begin = [schema.empty_table()], 0
    for name, one in zip(names, keys, strict=True):
        flags = matched.slice(begin, len(one)).to_numpy()
        begin += len(one)
        if flags.any():
            with _parquet(store, name) as file:
                kept.append(file.read_flagged(flags, schema.names).cast(schema))
    return pa.concat_tables(kept)


def table_of(records: Iterable[Any], schema: pa.Schema) -> pa.Table:
    """Frozen records as a table with that schema."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=schema)


def records_of(table: pa.Table, kind: type[R]) -> tuple[R, ...]:
    """A table's rows as records of `kind`."""
    one = TypeAdapter(kind)
    return tuple(one.validate_python(row) for row in table.to_pylist())


def check_table(store: Store, name: str, *, whole: bool) -> None:
    """Raise DamagedError if the Parquet file is missing or its footer is damaged; with `whole`, if any page is."""
    with _parquet(store, name) as file:
        for index in range(file.groups if whole else 0):
            file.read(groups=[index])


_ROWS = 500_000
"""Rows that are collected before they are filtered."""
_NAME = "cutouts.name"
"""The key of a table's name in the metadata of its footer; tables of earlier releases lack it."""


@contextmanager
def _writer(store: Store, name: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    how = {"compression": "zstd", "write_page_checksum": True}
    with store.writing(name) as stream, sealing(stream) as sink, pq.ParquetWriter(sink, schema, **how) as writer:
        yield writer
        writer.add_key_value_metadata({_NAME: stated_name(name)})
        sink.footer_follows()


class _TableFile:
    """An opened Parquet file, read in today's columns of its table."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self._written = file.schema_arrow
        self._today = today(self._written)
        self.groups: int = file.num_row_groups
        self.rows: int = file.metadata.num_rows

    def read(self, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None) -> pa.Table:
        """Some columns (None: all) of some row groups (None: all)."""
        wanted = self._today.names if columns is None else list(columns)
        there = [name for name in wanted if name in self._written.names]
        chosen = range(self.groups) if groups is None else groups
        found = self._file.read_row_groups([*chosen], columns=there, use_threads=False)
        return conformed(found, self._today, wanted)

    def bunches(self, rows: int) -> Iterator[list[int]]:
        """All row groups, in lists with about that many rows or one row group."""
        bunch, held = [], 0
        for index in range(self.groups):
            bunch.append(index)
            held += self._file.metadata.row_group(index).num_rows
            if held >= rows or index == self.groups - 1:
                yield bunch
                bunch, held = [], 0

    def read_flagged(self, flags: NDArray[np.bool_], columns: Sequence[str]) -> pa.Table:
        """The rows with a true flag. Only row groups with such rows are read, one at a time."""
        sizes = [self._file.metadata.row_group(index).num_rows for index in range(self.groups)]
        pieces = np.split(flags, np.cumsum(sizes)[:-1])
        return pa.concat_tables(
            self.read(columns, [index]).filter(pa.array(piece)) for index, piece in enumerate(pieces) if piece.any()
        )


@contextmanager
def _parquet(store: Store, name: str) -> Iterator[_TableFile]:
    """The opened file. Errors of its content are raised as DamagedError; errors of the store are not."""
    try:
        with store.reading(name) as stream, _telling_damage(store, name):
            file = pq.ParquetFile(SealedFile(stream), pre_buffer=False)  # see `cutouts.adapters.storage.seal`
            yield _TableFile(_of_that_name(file, name))
    except FileNotFoundError as error:
        raise damaged(store, name, "it is not there") from error


def _of_that_name(file: pq.ParquetFile, name: str) -> pq.ParquetFile:
    """The same file. Raises OSError without an errno if it was written under another name, as two swapped files are."""
    written = (file.metadata.metadata or {}).get(_NAME.encode(), stated_name(name).encode()).decode()
    if written != stated_name(name):
        raise OSError(f"it is another file, {written}")
    return file


@contextmanager
def _telling_damage(store: Store, name: str) -> Iterator[None]:
    try:
        yield
    except NewerTableError as error:
        raise StorageError(f"{store.url}/{name}: {error}. Upgrade cutouts to use this site") from error
    except pa.ArrowException as error:
        raise damaged(store, name, str(error)) from error
    except OSError as error:
        if error.errno is not None:  # the store's own error; Arrow's OSError for broken content has no errno
            raise
        raise damaged(store, name, str(error)) from error
