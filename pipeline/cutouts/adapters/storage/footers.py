"""Looks at the footer and at the heads of the pages of a Parquet file before anything in it is unpacked.

A few kilobytes of Parquet can unpack to terabytes: repeated values are counted, texts stand once in a dictionary,
pages are compressed. So what the footer says has limits, and before a row group is read, the head of each of its pages
is looked at, because the footer need not tell the truth about them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from cutouts.adapters.storage.thrift import Fields, Incomplete, Value, read_struct

MAX_ROWS = 50_000_000
"""Rows of one manifest."""
MAX_COLUMNS = 1_000
"""Columns of one file, those in nested ones included."""
MAX_FOOTER = 32 * 2**20
"""Bytes of one file's footer."""
MAX_BYTES = 16 * 2**30
"""Bytes that the columns of a file may have once they are unpacked."""
MAX_RATIO = 1_000
"""Times its own size that a file may unpack to, if that is more than `FREE_BYTES`."""
FREE_BYTES = 256 * 2**20
"""Bytes that any file may unpack to, however small it is."""
MAX_PAGES = 2 * 2**30
"""Bytes that the largest pages of all columns of a row group may have together: they are in memory at the same time."""

_MAGIC = b"PAR1"
TEXT_AT_ONCE = 256 * 2**20
"""Bytes that the rows which are unpacked at a time can have at the most."""
_ROWS_AT_ONCE = 8_192
_HEAD, _LONGEST_HEAD = 256, 2**20
_TEXT = 6
"""The type BYTE_ARRAY."""
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PREFIXED = 7
"""The encoding DELTA_BYTE_ARRAY: each value repeats the beginning of the one before."""


class FooterError(ValueError):
    """The file is no Parquet, is damaged, or is larger than the limits allow; in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One column of a row group: where its pages lie, and the least and greatest value if they are told."""

    name: str
    kind: int
    values: int
    unpacked: int
    begin: int
    end: int
    least: bytes | None
    greatest: bytes | None

    def may_hold(self, value: bytes) -> bool:
        """Whether a text can be in it, as far as is told; PyArrow compares UTF-8 byte by byte, too."""
        return self.least is None or self.greatest is None or self.least <= value <= self.greatest

    def may_hold_number(self, value: int) -> bool:
        """Whether an integer can be in it, as far as is told."""
        if self.least is None or self.greatest is None:
            return True
        least, greatest = (int.from_bytes(one, "little", signed=True) for one in (self.least, self.greatest))
        return least <= value <= greatest


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """Some rows of a file, column by column; the columns that are in nested ones are left out."""

    rows: int
    chunks: Mapping[str, Chunk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What a Parquet file says of itself; `size` is the file's, in bytes, `schema` what its columns are read as.

    `metadata` is PyArrow's, which must not be asked for columns.
    """

    size: int
    rows: int
    groups: tuple[RowGroup, ...]
    schema: pa.Schema
    metadata: Any

    def unpacked(self, columns: Sequence[str]) -> int:
        """Bytes that the columns have once they are unpacked, as is told: with dictionaries and counts as such."""
        return sum(group.chunks[name].unpacked for group in self.groups for name in columns if name in group.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    kind: int
    size: int
    values: int
    encoding: int


def read_footer(stream: BinaryIO, size: int) -> Footer:
    """The footer of a file of `size` bytes. Raises FooterError, or what PyArrow raises for one that it cannot read."""
    told, _ = read_struct(_footer_bytes(stream, size))
    names = _names(_list(told, 2))
    _limit(len(names), MAX_COLUMNS, "columns")
    groups = tuple(_row_group(group, names) for group in _list(told, 4))
    rows = _number(told, 3)
    if min((group.rows for group in groups), default=0) < 0 or sum(group.rows for group in groups) != rows:
        raise FooterError(f"damaged: {rows:,} rows, but {sum(group.rows for group in groups):,} in its row groups")
    _limit(rows, MAX_ROWS, "rows")
    file = _open(stream)
    return Footer(size=size, rows=rows, groups=groups, schema=file.schema_arrow, metadata=file.metadata)


def batches(stream: BinaryIO, footer: Footer, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """`columns` of one row group, in pieces that are unpacked one at a time, each of bounded size; no dictionaries."""
    names = [name for name in columns if name in footer.schema.names]
    rows = footer.groups[group].rows
    chunks = {name: footer.groups[group].chunks.get(name) for name in names}
    pages = {name: [*_pages(stream, chunk, rows)] for name, chunk in chunks.items() if chunk}
    _check_pages(pages)
    longest = {name: _longest(pages[name]) for name, chunk in chunks.items() if chunk and chunk.kind == _TEXT}
    if sum(longest.values()) * _ROWS_AT_ONCE > TEXT_AT_ONCE:  # dictionaries are large: so may be a value, or none
        longest |= _longest_entries(stream, footer, group, {name: pages[name] for name in longest})
    _limit(sum(longest.values()), TEXT_AT_ONCE, "bytes of text that one row can have")
    at_once = max(1, min(_ROWS_AT_ONCE, TEXT_AT_ONCE // max(sum(longest.values()), 1)))
    for batch in _open(stream, footer.metadata).iter_batches(at_once, [group], names, use_threads=False):
        plain = [column.dictionary.take(column.indices) if _is_dictionary(column) else column for column in batch]
        yield pa.RecordBatch.from_arrays(plain, batch.schema.names)


def check_rows(footers: Sequence[Footer]) -> None:
    """Raise FooterError if all files together have more rows than a manifest may have."""
    _limit(sum(footer.rows for footer in footers), MAX_ROWS, "rows")


def check_unpacked(footer: Footer, unpacked: int) -> None:
    """Raise FooterError if so many bytes are more than a file of its size may unpack to."""
    _limit(unpacked, max(FREE_BYTES, MAX_RATIO * footer.size), f"bytes unpacked from a file of {footer.size:,} bytes")
    _limit(unpacked, MAX_BYTES, "bytes unpacked from one file")


def _open(stream: BinaryIO, metadata: Any = None, *, read_dictionary: Sequence[str] = ()) -> pq.ParquetFile:
    return pq.ParquetFile(stream, metadata=metadata, buffer_size=2**20, read_dictionary=list(read_dictionary) or None)


def _limit(found: int, allowed: int, what: str) -> None:
    if found > allowed:
        raise FooterError(f"{found:,} {what}; at most {allowed:,} are allowed")


def _footer_bytes(stream: BinaryIO, size: int) -> bytes:
    if size < 2 * len(_MAGIC) + 4:
        raise FooterError(f"not a Parquet file: it has {size} bytes" if size else "the file is empty")
    stream.seek(size - 8)
    length, magic = struct.unpack("<I4s", stream.read(8))
    if magic == b"PARE":
        raise FooterError("the file is encrypted")
    if magic != _MAGIC:
        raise FooterError("not a Parquet file, or not written to its end")
    if length > size - 12:
        raise FooterError("damaged: the footer is longer than the file")
    _limit(length, MAX_FOOTER, "bytes of footer")
    stream.seek(size - 8 - length)
    return stream.read(length)


def _names(schema: Sequence[Value]) -> list[str]:
    """The names of a file's columns in the order in which each row group has them; empty for one in another."""
    names, left = [], [_number(schema[0], 5)] if schema else []
    for element in schema[1:]:
        while left and left[-1] <= 0:
            left.pop()
        if not left:
            raise FooterError("damaged: its columns do not belong to each other")
        outermost, children = len(left) == 1, _number(element, 5)
        left[-1] -= 1
        if children > 0:
            left.append(children)
        else:
            names.append(_text(element, 4) if outermost else "")
    return names


def _row_group(told: Value, names: Sequence[str]) -> RowGroup:
    """A row group. The numbers of fields are those of `RowGroup`, `ColumnChunk` and so on in Parquet's definition.

    Columns are told apart by their place, as by PyArrow: what a chunk says of its name need not be true.
    """
    columns = _list(told, 1)
    if len(columns) != len(names):
        raise FooterError(f"damaged: {len(columns)} columns in a row group, {len(names)} in the file")
    pairs = zip(names, columns, strict=True)
    return RowGroup(rows=_number(told, 3), chunks={name: _chunk(name, _struct(one, 3)) for name, one in pairs if name})


def _chunk(name: str, told: Fields) -> Chunk:
    kind, values, unpacked, packed, begin = (_number(told, field) for field in (1, 5, 6, 7, 9))
    if min(kind, values, unpacked, packed, begin) < 0:
        raise FooterError(f"damaged: the sizes of {name} cannot be right")
    dictionary = _number(told, 11)
    begin = dictionary if 0 < dictionary < begin else begin
    statistics = _struct(told, 12)
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
    )


def _check_pages(pages: Mapping[str, Sequence[_Page]]) -> None:
    largest = sum(max((page.size for page in of_column), default=0) for of_column in pages.values())
    _limit(largest, MAX_PAGES, "bytes in the largest pages of a row group")
    _limit(sum(page.size for of_column in pages.values() for page in of_column), MAX_BYTES, "bytes in a row group")


def _longest(pages: Sequence[_Page]) -> int:
    """Bytes that one value may have which stands, unpacked, in many rows: not more than its page has."""
    return max((page.size for page in pages if page.kind == _DICTIONARY or page.encoding == _PREFIXED), default=0)


def _longest_entries(
    stream: BinaryIO, footer: Footer, group: int, pages: Mapping[str, Sequence[_Page]]
) -> dict[str, int]:
    """Bytes of the longest value of each column whose repeated values all stand in a dictionary: it is looked at.

    PyArrow gives the whole dictionary with the first row.
    """
    entries = {name: of_column[0].values for name, of_column in pages.items() if _is_dictionary_alone(of_column)}
    if not entries:
        return {}
    file = _open(stream, footer.metadata, read_dictionary=list(entries))
    first = next(file.iter_batches(1, [group], list(entries), use_threads=False))
    found = {name: first.column(name) for name in entries if _is_dictionary(first.column(name))}
    lengths = {name: pc.max(pc.binary_length(array.dictionary)).as_py() or 0 for name, array in found.items()}
    return {name: lengths[name] for name in lengths if len(found[name].dictionary) == entries[name]}


def _is_dictionary(column: pa.Array) -> bool:
    return bool(kinds.is_dictionary(column.type))


def _is_dictionary_alone(pages: Sequence[_Page]) -> bool:
    return bool(pages) and pages[0].kind == _DICTIONARY and not any(page.encoding == _PREFIXED for page in pages)


def _pages(stream: BinaryIO, chunk: Chunk, rows: int) -> Iterator[_Page]:
    """The heads of a column's pages, as a reader meets them."""
    if chunk.values != rows:
        raise FooterError(f"damaged: {chunk.values:,} values of {chunk.name} in {rows:,} rows")
    at, left = chunk.begin, rows
    while left > 0 and at < chunk.end:
        head, length = _head(stream, at)
        page, packed = _page(head, chunk.name)
        if page.kind in (_DATA, _DATA_V2):
            left -= page.values
        at += length + packed
        yield page
    if left > 0:
        raise FooterError(f"damaged: the pages of {chunk.name} end {left:,} rows before the file does")


def _head(stream: BinaryIO, at: int) -> tuple[Fields, int]:
    size = _HEAD
    while size <= _LONGEST_HEAD:
        stream.seek(at)
        try:
            return read_struct(stream.read(size))
        except Incomplete:
            size *= 4
    raise FooterError("damaged: the head of a page has no end")


def _page(head: Fields, column: str) -> tuple[_Page, int]:
    """A page and its packed size. The numbers of fields are those of `PageHeader` in Parquet's definition."""
    kind, size, packed = (_number(head, field) for field in (1, 2, 3))
    details = head.get({_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}.get(kind, 0)) or {1: 0, 2: 0}
    values, encoding = _number(details, 1), _number(details, 4 if kind == _DATA_V2 else 2)
    if min(kind, size, packed, values, encoding) < 0:
        raise FooterError(f"damaged: the head of a page of {column} cannot be right")
    if kind == _DICTIONARY and values > size:
        raise FooterError(f"damaged: {values:,} values of {column} in a dictionary of {size:,} bytes")
    return _Page(kind=kind, size=size, values=values, encoding=encoding), packed


def _number(fields: Value, field: int) -> int:
    """A number that cannot be negative; -1 if there is none, or no such one."""
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, int) and 0 <= found < 2**63 else -1


def _list(fields: Value, field: int) -> list[Value]:
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, list) else []


def _struct(fields: Value, field: int) -> Fields:
    found = fields.get(field) if isinstance(fields, dict) else None
    return found if isinstance(found, dict) else {}


def _text(fields: Value, field: int) -> str:
    found = fields.get(field) if isinstance(fields, dict) else None
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""
