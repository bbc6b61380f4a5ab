"""Reads the footer of a Parquet file, within limits, before anything in the file is unpacked.

A few kilobytes of Parquet can unpack to terabytes: repeated values are stored as counts, texts once in a dictionary,
and pages are compressed. So the sizes in a footer are limited. The footer may be wrong, so `row_groups` also checks the
pages themselves.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.storage.manifests.thrift import (
    Fields,
    ParquetError,
    Value,
    list_of,
    number_of,
    read_struct,
    struct_of,
    text_of,
)

MAX_ROWS = 50_000_000
"""Most rows of one manifest."""
MAX_COLUMNS = 1_000
"""Most columns of one file, including nested columns."""
MAX_FOOTER = 32 * 2**20
"""Most bytes of one file's footer."""
MAX_BYTES = 16 * 2**30
"""Most bytes of the unpacked columns of a file."""
MAX_RATIO = 1_000
"""A file may unpack to this many times its own size, or to `FREE_BYTES` if that is more."""
FREE_BYTES = 256 * 2**20
"""Any file may unpack to this many bytes, even if it is small."""

_MAGIC = b"PAR1"
_NO_PARQUET = "not a Parquet file: name a manifest in that format, or a folder of photographs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One column of a row group: where its pages are, and its least and greatest value if they are stated.

    `kind` is Parquet's number of the type; `values` is a count; `unpacked` is in bytes; the pages are in the bytes
    `begin` to `end` of the file. The pages of an `encrypted` column cannot be read.
    """

    name: str
    kind: int
    values: int
    unpacked: int
    begin: int
    end: int
    least: bytes | None
    greatest: bytes | None
    encrypted: bool = False

    def may_hold(self, value: bytes) -> bool:
        """Whether a text can be in it according to its statistics. PyArrow also compares UTF-8 byte by byte."""
        return self.least is None or self.greatest is None or self.least <= value <= self.greatest

    def may_hold_number(self, value: int) -> bool:
        """Whether an integer can be in it according to its statistics."""
        if self.least is None or self.greatest is None:
            return True
        least, greatest = (int.from_bytes(one, "little", signed=True) for one in (self.least, self.greatest))
        return least <= value <= greatest


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Some rows of a file, column by column; nested columns are left out."""

    rows: int
    chunks: Mapping[str, Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The footer of a Parquet file. `size` is the file's in bytes; `schema` has the types that columns are read as.

    `metadata` is PyArrow's object; its columns must not be accessed.
    """

    size: int
    rows: int
    groups: tuple[RowGroup, ...]
    schema: pa.Schema
    metadata: Any

    def unpacked(self, columns: Sequence[str]) -> int:
        """Stated bytes of the unpacked columns; dictionaries and counts of repeated values are not expanded in them."""
        return sum(group.chunks[name].unpacked for group in self.groups for name in columns if name in group.chunks)


def read_footer(stream: BinaryIO, size: int) -> Footer:
    """The footer of a file of `size` bytes. Raises ParquetError, or PyArrow's errors if PyArrow cannot read it."""
    told, _ = read_struct(_footer_bytes(stream, size))
    names = _names(list_of(told, 2))
    limit(len(names), MAX_COLUMNS, "columns")
    groups = tuple(_row_group(group, names) for group in list_of(told, 4))
    rows = number_of(told, 3)
    if min((group.rows for group in groups), default=0) < 0 or sum(group.rows for group in groups) != rows:
        raise ParquetError(f"damaged: {rows:,} rows, but {sum(group.rows for group in groups):,} in its row groups")
    limit(rows, MAX_ROWS, "rows")
    file = open_parquet(stream)
    return Footer(size=size, rows=rows, groups=groups, schema=file.schema_arrow, metadata=file.metadata)


def check_rows(footers: Sequence[Footer]) -> None:
    """Raise ParquetError if all files together have more rows than a manifest may have."""
    limit(sum(footer.rows for footer in footers), MAX_ROWS, "rows")


def check_unpacked(footer: Footer, unpacked: int) -> None:
    """Raise ParquetError if `unpacked` is more bytes than a file of this size may unpack to."""
    limit(unpacked, max(FREE_BYTES, MAX_RATIO * footer.size), f"bytes unpacked from a file of {footer.size:,} bytes")
    limit(unpacked, MAX_BYTES, "bytes unpacked from one file")


def open_parquet(stream: BinaryIO, metadata: Any = None, *, read_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    """PyArrow's reader of a file whose footer was already checked."""
    options = {"buffer_size": 2**20, "pre_buffer": False}  # no thread of Arrow's, as in `cutouts.adapters.storage.seal`
    return pq.ParquetFile(stream, metadata=metadata, read_dictionary=list(read_dictionary) or None, **options)


def limit(found: int, allowed: int, what: str) -> None:
    """Raise ParquetError if `found` is more than `allowed`."""
    if found > allowed:
        raise ParquetError(f"{found:,} {what}; at most {allowed:,} are allowed")


def _footer_bytes(stream: BinaryIO, size: int) -> bytes:
    if size < 2 * len(_MAGIC) + 4:
        raise ParquetError(f"not a Parquet file: it has {size} bytes" if size else "the file is empty")
    stream.seek(size - 8)
    length, magic = struct.unpack("<I4s", stream.read(8))
    if magic == b"PARE":
        raise ParquetError("the file is encrypted")
    if magic != _MAGIC:
        stream.seek(0)
        begun = stream.read(len(_MAGIC)) == _MAGIC
        raise ParquetError("it was not written to its end" if begun else _NO_PARQUET)
    if length > size - 12:
        raise ParquetError("damaged: the footer is longer than the file")
    limit(length, MAX_FOOTER, "bytes of footer")
    stream.seek(size - 8 - length)
    return stream.read(length)


def _names(schema: Sequence[Value]) -> list[str]:
    """The names of a file's columns, in the order of each row group; empty for a nested column."""
    names, left = [], [number_of(schema[0], 5)] if schema else []
    for element in schema[1:]:
        while left and left[-1] <= 0:
            left.pop()
        if not left:
            raise ParquetError("damaged: its columns do not match each other")
        outermost, children = len(left) == 1, number_of(element, 5)
        left[-1] -= 1
        if children > 0:
            left.append(children)
        else:
            names.append(text_of(element, 4) if outermost else "")
    return names


def _row_group(told: Value, names: Sequence[str]) -> RowGroup:
    """A row group. The field numbers are those of `RowGroup`, `ColumnChunk` and so on in Parquet's definition.

    Columns are identified by their position, as in PyArrow, because the name in a chunk may be wrong.
    """
    columns = list_of(told, 1)
    if len(columns) != len(names):
        raise ParquetError(f"damaged: {len(columns)} columns in a row group, {len(names)} in the file")
    pairs = zip(names, columns, strict=True)
    return RowGroup(
        rows=number_of(told, 3),
        chunks={
            name: _chunk(name, struct_of(one, 3), encrypted=bool(struct_of(one, 8))) for name, one in pairs if name
        },
    )


def _chunk(name: str, told: Fields, *, encrypted: bool) -> Chunk:
    kind, values, unpacked, packed, begin = (number_of(told, field) for field in (1, 5, 6, 7, 9))
    if min(kind, values, unpacked, packed, begin) < 0:
        raise ParquetError(f"damaged: the sizes of {name} are invalid")
    dictionary = number_of(told, 11)
    begin = dictionary if 0 < dictionary < begin else begin
    statistics = struct_of(told, 12)
    least, greatest = statistics.get(6), statistics.get(5)
    return Chunk(
        name=name,
        kind=kind,
        values=values,
        unpacked=unpacked,
        begin=begin,
        end=begin + packed,
        least=least if isinstance(least, bytes) else None,
        greatest=greatest if isinstance(greatest, bytes) else None,
        encrypted=encrypted,
    )
