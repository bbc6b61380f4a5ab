"""How a delivery is cut into shards, and which of its images are known already; columnar throughout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

DEFAULT_BYTES = 1_000_000
"""What an image counts in B where the manifest does not state its size."""
_GROWTH = 1.1
"""By how much both limits grow at a time until no more than `max_shards` are needed."""
_BAND = 250_000
"""Rows copied at a time: bounds the memory of the copy, and the walks through the table."""
_BETWEEN = "\x1f"
"""Stands between the parts of a compound key; a control character, which no URI and no ETag may contain."""

Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """Rows in the order of their `image_id` and where each shard begins in that order.

    `order` is a uint64 array of row numbers; `offsets` starts with 0, ends with the number of rows and has one
    number more than there are shards, so that shard i is `table.take(order[offsets[i]:offsets[i + 1]])`.
    """

    order: pa.Array
    offsets: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of shards."""
        return len(self.offsets) - 1

    def tables(self, table: pa.Table) -> Iterator[pa.Table]:
        """The rows of each shard, one shard after the other; `table` is the one that was cut, with any columns.

        `_BAND` rows (or one shard, if larger) are copied at a time.
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


def cut(
    table: pa.Table,
    *,
    shard_images: int,
    shard_bytes: int,
    max_shards: int,
    where: pa.ChunkedArray | None = None,
) -> Shards:
    """The shards of `table` (columns `image_id`, unique, and `bytes` in B): the same whatever the order of its rows.

    Only rows `where` the boolean is true are cut, or all; this spares the caller a filtered copy of the table.

    Images stand in the order of their `image_id`. A shard holds at most `shard_images` rows and `shard_bytes` B, an
    image of unknown size counting as `DEFAULT_BYTES`; one that is larger by itself has a shard of its own. Where
    that makes more than `max_shards`, both limits grow together until it does not. No rows make no shard.
    Raises ValueError where a limit is below 1.
    """
    if min(shard_images, shard_bytes, max_shards) < 1:
        raise ValueError("shard_images, shard_bytes and max_shards are at least 1")
    rows = np.arange(table.num_rows) if where is None else np.flatnonzero(where)
    keys = table.select(["image_id", "bytes"])
    keys = keys if where is None else keys.filter(where)
    order = pc.sort_indices(keys.column("image_id")).to_numpy()
    sizes = pc.fill_null(keys.column("bytes"), DEFAULT_BYTES).to_numpy()
    until = np.cumsum(sizes[order], dtype=np.int64)
    order = pa.array(rows[order].astype(np.uint64))
    return Shards(order=order, offsets=_offsets(until, shard_images, shard_bytes, max_shards))


def _take(batches: Sequence[pa.RecordBatch], schema: pa.Schema, rows: NDArray[np.uint64]) -> pa.Table:
    """The `rows` of a table, in their order; Arrow's own `take` first copies each column of the whole table."""
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
    """Where shards begin that are filled one after the other; stops short of the end after `max_shards`."""
    offsets, before = [0], 0
    while offsets[-1] < len(until) and len(offsets) <= max_shards:
        begin = offsets[-1]
        fitting = int(np.searchsorted(until, before + size, side="right"))
        offsets.append(max(begin + 1, min(fitting, begin + images)))
        before = int(until[offsets[-1] - 1])
    return tuple(offsets)


def split_known(rows: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    """For each row of a manifest the `sha256` of the known result that is about the same content, or null.

    `rows` and `known` have the columns `uri`, `etag`, `bytes`, `sha256`. A row that states its `sha256` is known
    where `known` has the same one, whatever else they state. A row that does not is known where `uri`, `etag` and
    `bytes` are all the same (both may leave out `bytes`), it states an `etag`, and `known` has exactly one
    content under the three. Any other row is not known. Rows of `known` without a `sha256` count for nothing.
    """
    known = known.filter(pc.is_valid(known.column("sha256")))
    stated = rows.column("sha256")
    by_content = pc.is_in(stated, value_set=known.column("sha256"))
    by_place = _known_by_place(rows, known)
    nothing = pa.scalar(None, pa.string())
    return pc.if_else(pc.is_valid(stated), pc.if_else(by_content, stated, nothing), by_place)


def _known_by_place(rows: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    places = pa.table({"place": _place(known), "sha256": known.column("sha256")}).drop_null()
    contents = places.group_by("place").aggregate([("sha256", "min"), ("sha256", "max")])
    contents = contents.filter(pc.equal(contents.column("sha256_min"), contents.column("sha256_max")))
    asked = pc.if_else(pc.is_null(rows.column("sha256")), _place(rows), pa.scalar(None, pa.string()))
    found = pc.index_in(asked, value_set=contents.column("place"))
    return contents.column("sha256_min").take(found)


def _place(table: pa.Table) -> pa.ChunkedArray:
    """`uri`, `etag` and `bytes` as one string; null where there is no `etag`."""
    size = pc.fill_null(pc.cast(table.column("bytes"), pa.string()), "")
    return pc.binary_join_element_wise(table.column("uri"), table.column("etag"), size, _BETWEEN)
