"""How a delivery is split into shards, and which of its images are already known. Everything is columnar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.pixels import Mask
from cutouts.core.product_box import BOXED

DEFAULT_BYTES = 1_000_000
"""The size that an image counts for if the manifest does not state it (B)."""
_GROWTH = 1.1
"""The factor by which both limits grow until at most `max_shards` are needed."""
_BAND = 100_000
"""Rows copied at a time; this bounds the memory of the copy and the passes over the table."""
_SLICE = 500_000
"""Digests looked up at a time; this bounds the memory of their hash table, which is several times their size."""

Counts: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """Row numbers in the order of their `image_id`, and where each shard begins in that order.

    `order` is a uint64 array of row numbers. `offsets` starts with 0, ends with the number of rows, and is one longer
    than the number of shards, so shard i is `table.take(order[offsets[i]:offsets[i + 1]])`.
    """

    order: pa.Array
    offsets: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of shards."""
        return len(self.offsets) - 1

    def tables(self, table: pa.Table) -> Iterator[pa.Table]:
        """The rows of each shard, one shard after the other. `table` is the one that was split, with any columns.

        `_BAND` rows (or one shard, if it is larger) are copied at a time.
        """
        if not self.count:
            return
        batches, begin = table.to_batches(), 0
        for last, end in enumerate(self.offsets[1:], start=1):
            whole = self.offsets[begin : last + 1]
            if last == self.count or self.offsets[last + 1] - whole[0] > _BAND:
                band = _take(batches, table.schema, self.order.slice(whole[0], end - whole[0]).to_numpy())
                yield from (band.slice(a - whole[0], b - a) for a, b in pairwise(whole))
                begin = last


def shards_of(
    table: pa.Table,
    *,
    shard_images: int,
    shard_bytes: int,
    max_shards: int,
    where: pa.ChunkedArray | None = None,
    together: bool = False,
) -> Shards:
    """The shards of `table` (columns `image_id`, unique, and `bytes` in B). They do not depend on the order of its
    rows.

    Only rows for which the boolean `where` is true are used, or all rows; so the caller needs no filtered copy of the
    table.

    Images are in the order of their `image_id`; with `together`, those that may have the same content (`_alike`)
    follow the first of them, in the same shard. Apart from these, a shard has at most `shard_images` rows and
    `shard_bytes` B. An image of unknown size counts as `DEFAULT_BYTES`, and one that is larger than the limit has a
    shard of its own. If this needs more than `max_shards`, both limits grow together until it does not. Without rows
    there are no shards. Raises ValueError if a limit is below 1.
    """
    if min(shard_images, shard_bytes, max_shards) < 1:
        raise ValueError("shard_images, shard_bytes and max_shards are at least 1")
    table = table.select(["image_id", "bytes", *(("sha256", "etag", "uri") if together else ())])
    rows = None if where is None or pc.all(where).as_py() else np.flatnonzero(where)
    keys = table if rows is None else table.filter(where)
    order = pc.sort_indices(keys.column("image_id")).to_numpy()
    alike = _alike(keys, order) if together else None
    if alike is not None:
        order, alike = order[np.argsort(alike, kind="stable")], np.sort(alike)
    sizes = pc.fill_null(keys.column("bytes"), DEFAULT_BYTES).to_numpy()
    until = np.cumsum(sizes[order], dtype=np.int64)
    offsets = _offsets(until, shard_images, shard_bytes, max_shards)
    if alike is not None:
        offsets = _unbroken(offsets, alike)
    return Shards(order=pa.array(order if rows is None else rows[order], pa.uint64()), offsets=offsets)


def _alike(rows: pa.Table, order: Counts) -> Counts | None:
    """For each row of that order the place of the first one that may have the same content; None if all are different.

    Rows may have the same content if they state the same sha256 (here its first digits: a mistake only makes a shard
    larger), or without one the same ETag and size, or the same URI.
    """
    keys = pa.chunked_array(map(_key, rows.to_batches(max_chunksize=_BAND)), pa.string())
    ranks = pc.rank(keys, tiebreaker="dense").to_numpy()[order]  # from 1; a hash table of so many texts is far larger
    distinct = int(ranks.max(initial=0))
    if distinct == len(ranks):
        return None
    first: Counts = np.full(distinct + 1, len(ranks))
    np.minimum.at(first, ranks, np.arange(len(ranks)))
    places: Counts = first[ranks]
    return places


def _key(rows: pa.RecordBatch) -> pa.Array:
    """A text per row, equal for rows that may have the same content."""
    size = pc.coalesce(rows.column("bytes").cast(pa.string()), "?")
    version = pc.binary_join_element_wise(rows.column("etag"), size, " ")
    return pc.coalesce(pc.utf8_slice_codeunits(rows.column("sha256"), 0, 16), version, rows.column("uri"))


def _unbroken(offsets: Sequence[int], alike: Counts) -> tuple[int, ...]:
    """The same beginnings of shards, moved behind rows that are alike."""
    ends = np.append(np.flatnonzero(np.diff(alike)) + 1, len(alike))
    moved = [0, *(int(ends[np.searchsorted(ends, offset)]) for offset in offsets[1:])]
    return tuple(dict.fromkeys(moved))


def _take(batches: Sequence[pa.RecordBatch], schema: pa.Schema, rows: NDArray[np.uint64]) -> pa.Table:
    """The `rows` of a table, in their order. Arrow's own `take` would copy each column of the whole table first."""
    ascending = np.argsort(rows, kind="stable")
    ends = np.cumsum([batch.num_rows for batch in batches])
    parts = np.split(rows[ascending], np.searchsorted(rows[ascending], ends[:-1]))
    begins = (int(end) - batch.num_rows for end, batch in zip(ends, batches, strict=True))
    taken = [
        batch.take(pa.array(part - np.uint64(begin))) for batch, part, begin in zip(batches, parts, begins, strict=True)
    ]
    back = np.empty_like(ascending)
    back[ascending] = np.arange(len(ascending))
    return pa.Table.from_batches(taken, schema).combine_chunks().take(pa.array(back))


def _offsets(until: Counts, images: int, size: int, max_shards: int) -> tuple[int, ...]:
    while True:
        offsets = _fill(until, images, size, max_shards)
        if offsets[-1] == len(until):
            return offsets
        images, size = int(images * _GROWTH) + 1, int(size * _GROWTH) + 1


def _fill(until: Counts, images: int, size: int, max_shards: int) -> tuple[int, ...]:
    """Where shards begin if they are filled one after the other; stops early after `max_shards`."""
    offsets, before = [0], 0
    while offsets[-1] < len(until) and len(offsets) <= max_shards:
        begin = offsets[-1]
        fitting = int(np.searchsorted(until, before + size, side="right"))
        offsets.append(max(begin + 1, min(fitting, begin + images)))
        before = int(until[offsets[-1] - 1])
    return tuple(offsets)


def split_known(rows: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    """For each row of a manifest, the `sha256` of the known result for the same content, or null.

    `rows` and `known` have the columns `uri`, `etag`, `bytes`, `sha256`. A row that states its `sha256` is known if
    `known` has the same one, whatever else they state. A row that does not is known if it states an `etag`, `known` has
    exactly one content under its `uri` and `etag`, and the stated `bytes` are equal (or neither states them). No other
    row is known. Rows of `known` without a `sha256` are ignored.
    """
    if not known.num_rows:  # the first plan of all, and the largest
        return pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])
    stated = rows.column("sha256")
    found = where_flagged(stated, flags_among(stated, [known.column("sha256")]))
    unsettled = pc.and_(pc.is_null(stated), pc.is_valid(rows.column("etag"))).to_numpy()
    if not unsettled.any():
        return found
    places = _places_known(rows, unsettled, known)
    return pc.coalesce(found, known.column("sha256").take(pa.array(places, mask=places < 0)))


def flags_among(contents: pa.ChunkedArray, known: Iterable[pa.ChunkedArray]) -> Flags:
    """Which of `contents` are in one of the `known` pieces, which are looked up together; null is in none."""
    flags: Flags = np.zeros(len(contents), np.bool_)
    held: list[pa.ChunkedArray] = []
    for piece in chain(_sliced(known), [None]):
        if held and (piece is None or sum(map(len, held)) + len(piece) > _SLICE):
            values = pa.chunked_array([chunk for one in held for chunk in one.chunks], pa.string())
            flags |= pc.is_in(contents, value_set=values, skip_nulls=True).to_numpy()
            held = []
        if piece is not None:
            held.append(piece)
    return flags


def _sliced(pieces: Iterable[pa.ChunkedArray]) -> Iterator[pa.ChunkedArray]:
    for piece in pieces:
        yield from (piece.slice(begin, _SLICE) for begin in range(0, len(piece), _SLICE))


def where_flagged(text: pa.ChunkedArray, flags: Flags) -> pa.ChunkedArray:
    """The text, null if its flag is false. The text itself is not copied."""

    def kept(chunk: pa.Array, begin: int) -> pa.Array:
        valid = flags[begin : begin + len(chunk)] & chunk.is_valid().to_numpy(zero_copy_only=False)
        bits = np.packbits(np.concatenate([np.zeros(chunk.offset, np.bool_), valid]), bitorder="little")
        return pa.Array.from_buffers(
            chunk.type, len(chunk), [pa.py_buffer(bits), *chunk.buffers()[1:]], offset=chunk.offset
        )

    begins = np.cumsum([0, *map(len, text.chunks)])
    return pa.chunked_array(
        [kept(chunk, int(begin)) for chunk, begin in zip(text.chunks, begins[:-1], strict=True)], text.type
    )


def _places_known(rows: pa.Table, unsettled: Mask, known: pa.Table) -> Counts:
    """For each row, the row of `known` with the same `uri`, `etag` and `bytes`, or −1 if there is not exactly one
    content."""
    asked, places = np.split(_numbers("uri", "etag", rows, known), [rows.num_rows])
    whole = pc.invert(pc.match_substring(pc.fill_null(known.column("sha256"), BOXED), BOXED))  # null has no content
    valid = pc.and_(whole, pc.is_valid(known.column("etag")))
    candidates = np.flatnonzero(valid)
    contents = pc.rank(known.column("sha256"), tiebreaker="dense").to_numpy()
    candidates = candidates[np.lexsort((contents[candidates], places[candidates]))]
    distinct, first, count = np.unique(places[candidates], return_index=True, return_counts=True)
    settled = contents[candidates[first]] == contents[candidates[first + count - 1]]
    distinct, representative = distinct[settled], candidates[first[settled]]
    found = np.full(rows.num_rows, -1)
    if len(distinct):
        at = np.searchsorted(distinct, asked).clip(max=len(distinct) - 1)
        same = unsettled & (distinct[at] == asked) & (_sizes(known)[representative[at]] == _sizes(rows))
        found[same] = representative[at[same]]
    return found


def _numbers(first: str, second: str, *tables: pa.Table) -> Counts:
    """A number per row that is equal for two rows if and only if both columns are equal: pairs of ranks."""
    ranks = [
        pc.rank(
            pa.chunked_array([chunk for table in tables for chunk in table.column(name).chunks], pa.string()),
            tiebreaker="dense",
        )
        for name in (first, second)
    ]
    high, low = (rank.to_numpy().astype(np.int64) for rank in ranks)
    numbers: Counts = high * (int(low.max(initial=0)) + 1) + low
    return numbers


def _sizes(table: pa.Table) -> Counts:
    return np.asarray(pc.fill_null(table.column("bytes"), -1).to_numpy(), np.int64)
