"""Reads row groups of a Parquet file in pieces of bounded size, after checking the header of each page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from cutouts.adapters.storage.manifests.footers import MAX_BYTES, Chunk, Footer, limit, open_parquet
from cutouts.adapters.storage.manifests.thrift import Fields, Incomplete, ParquetError, number_of, read_struct

MAX_PAGES = 2 * 2**30
"""Most bytes of the largest pages of all columns of a row group together; they are in memory at the same time."""
TEXT_AT_ONCE = 256 * 2**20
"""Most bytes of text in the rows that are unpacked at a time."""
_ROWS_AT_ONCE = 8_192
_HEAD, _LONGEST_HEAD = 256, 2**20
_TEXT = 6
"""The number of the type BYTE_ARRAY."""
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_PREFIXED = 7
"""The encoding DELTA_BYTE_ARRAY, in which a value may repeat the beginning of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    kind: int
    size: int
    values: int
    encoding: int


def batches(stream: BinaryIO, footer: Footer, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """`columns` of one row group, in batches of bounded size that are unpacked one at a time, without dictionaries.

    Raises ParquetError for damaged pages, and for sizes beyond the limits.
    """
    names = [name for name in columns if name in footer.schema.names]
    rows = footer.groups[group].rows
    chunks = {name: footer.groups[group].chunks.get(name) for name in names}
    pages = {name: [*_pages(stream, chunk, rows)] for name, chunk in chunks.items() if chunk}
    _check_pages(pages)
    longest = {name: _longest(pages[name]) for name, chunk in chunks.items() if chunk and chunk.kind == _TEXT}
    if sum(longest.values()) * _ROWS_AT_ONCE > TEXT_AT_ONCE:  # the dictionaries are large, so perhaps a value is too
        longest |= _longest_entries(stream, footer, group, {name: pages[name] for name in longest})
    limit(sum(longest.values()), TEXT_AT_ONCE, "bytes of text that one row can have")
    at_once = max(1, min(_ROWS_AT_ONCE, TEXT_AT_ONCE // max(sum(longest.values()), 1)))
    for batch in open_parquet(stream, footer.metadata).iter_batches(at_once, [group], names, use_threads=False):
        plain = [column.dictionary.take(column.indices) if _is_dictionary(column) else column for column in batch]
        yield pa.RecordBatch.from_arrays(plain, batch.schema.names)


def _check_pages(pages: Mapping[str, Sequence[_Page]]) -> None:
    largest = sum(max((page.size for page in of_column), default=0) for of_column in pages.values())
    limit(largest, MAX_PAGES, "bytes in the largest pages of a row group")
    limit(sum(page.size for of_column in pages.values() for page in of_column), MAX_BYTES, "bytes in a row group")


def _longest(pages: Sequence[_Page]) -> int:
    """Most bytes of a value that unpacks into many rows: it cannot have more than its page."""
    return max((page.size for page in pages if page.kind == _DICTIONARY or page.encoding == _PREFIXED), default=0)


def _longest_entries(
    stream: BinaryIO, footer: Footer, group: int, pages: Mapping[str, Sequence[_Page]]
) -> dict[str, int]:
    """Bytes of the longest value of each column whose repeated values are all in a dictionary, which is read for this.

    PyArrow returns the whole dictionary with the first row.
    """
    entries = {name: of_column[0].values for name, of_column in pages.items() if _is_dictionary_alone(of_column)}
    if not entries:
        return {}
    file = open_parquet(stream, footer.metadata, read_dictionary=list(entries))
    first = next(file.iter_batches(1, [group], list(entries), use_threads=False))
    found = {name: first.column(name) for name in entries if _is_dictionary(first.column(name))}
    lengths = {name: pc.max(pc.binary_length(array.dictionary)).as_py() or 0 for name, array in found.items()}
    return {name: lengths[name] for name in lengths if len(found[name].dictionary) == entries[name]}


def _is_dictionary(column: pa.Array) -> bool:
    return bool(kinds.is_dictionary(column.type))


def _is_dictionary_alone(pages: Sequence[_Page]) -> bool:
    return bool(pages) and pages[0].kind == _DICTIONARY and not any(page.encoding == _PREFIXED for page in pages)


def _pages(stream: BinaryIO, chunk: Chunk, rows: int) -> Iterator[_Page]:
    """The headers of a column's pages, in the order in which they are read. Raises ParquetError if they are damaged or
    encrypted."""
    if chunk.encrypted:
        raise ParquetError(f"the column {chunk.name} is encrypted")
    if chunk.values != rows:
        raise ParquetError(f"damaged: {chunk.values:,} values of {chunk.name} in {rows:,} rows")
    at, left = chunk.begin, rows
    while left > 0 and at < chunk.end:
        head, length = _head(stream, at)
        page, packed = _page(head, chunk.name)
        if page.kind in (_DATA, _DATA_V2):
            left -= page.values
        at += length + packed
        yield page
    if left > 0:
        raise ParquetError(f"damaged: the pages of {chunk.name} end {left:,} rows before the file does")


def _head(stream: BinaryIO, at: int) -> tuple[Fields, int]:
    size = _HEAD
    while size <= _LONGEST_HEAD:
        stream.seek(at)
        try:
            return read_struct(stream.read(size))
        except Incomplete:
            size *= 4
    raise ParquetError("damaged: the header of a page has no end")


def _page(head: Fields, column: str) -> tuple[_Page, int]:
    """A page and its packed size in bytes. The field numbers are those of `PageHeader` in Parquet's definition."""
    kind, size, packed = (number_of(head, field) for field in (1, 2, 3))
    details = head.get({_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}.get(kind, 0)) or {1: 0, 2: 0}
    values, encoding = number_of(details, 1), number_of(details, 4 if kind == _DATA_V2 else 2)
    if min(kind, size, packed, values, encoding) < 0:
        raise ParquetError(f"damaged: the header of a page of {column} is invalid")
    if kind == _DICTIONARY and values > size:
        raise ParquetError(f"damaged: {values:,} values of {column} in a dictionary of {size:,} bytes")
    return _Page(kind=kind, size=size, values=values, encoding=encoding), packed
