"""Checks the rows of a manifest, delivery by delivery.

Everything is columnar: 10 million rows are checked without a Python object per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.manifests.conversion import FAULTS
from cutouts.core.manifests.wishes import BOX, partial_boxes, wrong_boxes
from cutouts.core.records import MAX_KEY
from cutouts.core.text.counting import counted
from cutouts.core.text.display import printable

EMPTY = "the manifest has no rows"
"""The problem of a manifest without rows, which refuses it as a whole."""
CONTENT_COLUMNS = ("image_id", "product_id", "delivery_id", "uri", "bytes", "width_px", "height_px", *BOX)
"""The columns that `check_content` reads, besides those that a reader adds."""
FAULT, ROW, PART = "fault", "row", "part"
"""The columns that a reader adds to each row: faults of its values (bits of `FAULTS`), and where it was read from."""

_SHOWN = 10
MAX_DELIVERY_ID = MAX_KEY - len("YYYY-MM-DD/")
"""Maximum length of a delivery id (characters), so that it still fits into a partition key."""

Group: TypeAlias = tuple[date | None, str | None]
"""Rows that are accepted or refused together: their day and delivery id, None if not stated."""
Rows: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryProblem:
    """One type of bad content in one delivery. The delivery is refused for it; the others are processed.

    `delivery_id` is None for rows without a delivery, `day` for rows without a day. `count` rows have the problem. The
    first ten are listed: `rows` (counted from 1 in their file), `image_ids` (None if there is none) and, if the
    manifest has several files, `parts`.
    """

    delivery_id: str | None
    problem: str
    count: int
    rows: tuple[int, ...]
    image_ids: tuple[str | None, ...]
    day: date | None = None
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        day = f" of {self.day.isoformat()}" if self.day else ""
        name = "rows without delivery" if self.delivery_id is None else f"delivery {self.delivery_id!r}"
        return f"{name}{day}: {self.words}"

    @property
    def places(self) -> tuple[str, ...]:
        """The first rows, by number, and by file if there are several."""
        if not self.parts:
            return tuple(str(row) for row in self.rows)
        return tuple(f"{part} row {row}" for part, row in zip(self.parts, self.rows, strict=True))

    @property
    def words(self) -> str:
        """The problem with its rows, without the name of the delivery."""
        pairs = zip(self.places, self.image_ids, strict=True)
        shown = ", ".join(f"{place} ({printable(image_id)})" if image_id else place for place, image_id in pairs)
        return f"{self.problem}: {counted(self.count, 'row')}: {shown}{', …' if self.count > len(self.rows) else ''}"


def check_content(table: pa.Table) -> tuple[DeliveryProblem, ...]:
    """The problems in the rows of one day of a conformed manifest, in the order of the deliveries.

    `table` needs `CONTENT_COLUMNS`, and has `FAULT`, `ROW` and `PART` if a reader made it. Detected are rows without a
    delivery, missing or blank ids and URIs, duplicate `image_id`s, negative sizes, deliveries whose id cannot be a key,
    and values that a reader could not keep.
    """
    codes, names = _deliveries(table.column("delivery_id"))
    found = [
        problem
        for words, flags in _checks(table, codes, names)
        for problem in _by_delivery(words, flags, codes, names, table)
    ]
    return tuple(sorted(found, key=lambda problem: (problem.delivery_id is not None, problem.delivery_id or "")))


def check_undated(table: pa.Table) -> tuple[DeliveryProblem, ...]:
    """The problems of rows that state no day of delivery: only that, whatever else is wrong."""
    codes, names = _deliveries(table.column("delivery_id"))
    return tuple(_by_delivery("date is missing", np.ones(table.num_rows, np.bool_), codes, names, table))


def placed(problem: DeliveryProblem, table: pa.Table) -> DeliveryProblem:
    """The problem with its rows, which are numbered within `table` or as a reader found them (`ROW`, `PART`)."""
    if ROW not in table.column_names:
        return problem
    found = table.select([ROW, PART]).take(pa.array([row - 1 for row in problem.rows], pa.int64()))
    parts = tuple(found.column(PART).cast(pa.string()).to_pylist())
    return replace(problem, rows=tuple(found.column(ROW).to_pylist()), parts=parts if any(parts) else ())


def without_blanks(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The text, null if it is empty or only white space."""
    return pc.if_else(_blank(text), pa.scalar(None, pa.string()), text)


def _deliveries(delivery_ids: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """A number per row (−1 if no delivery is named) and the name that each number stands for."""
    encoded = delivery_ids.dictionary_encode().unify_dictionaries()
    names = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], pa.string())
    numbers: Codes = np.arange(len(names) + 1, dtype=np.int32)
    numbers[np.append(_flags(_blank(names)), True)] = -1
    indices = [pc.fill_null(chunk.indices, len(names)).to_numpy() for chunk in encoded.chunks]
    return numbers[np.concatenate([*indices, np.empty(0, np.int32)])], names


def _checks(table: pa.Table, codes: Codes, names: pa.Array) -> Iterator[tuple[str, Flags]]:
    yield "delivery_id is missing", codes < 0
    for column in ("image_id", "product_id", "uri"):
        yield f"{column} is missing", _flags(_blank(table.column(column)))
    yield "duplicate image_id in the delivery", _repeated(table.column("image_id"), codes)
    yield "bytes is negative", _flags(pc.less(table.column("bytes"), 0))
    if any(table.column(name).null_count < table.num_rows for name in BOX):
        yield f"the box is incomplete ({', '.join(BOX)})", partial_boxes(table)
        yield "the box is empty, negative, or larger than the image", wrong_boxes(table)
    unusable = np.array([*(not _names_a_key(name) for name in names.to_pylist()), False])
    yield f"delivery_id cannot be a key (at most {MAX_DELIVERY_ID} characters, not . or ..)", unusable[codes]
    if FAULT in table.column_names:
        bits = table.column(FAULT).to_numpy()
        any_bit = int(np.bitwise_or.reduce(bits, initial=0))
        yield from ((words, bits & (1 << n) != 0) for n, words in enumerate(FAULTS) if any_bit & (1 << n))


def _blank(text: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    return pc.fill_null(pc.or_(pc.equal(text, ""), pc.utf8_is_space(text)), True)


def _flags(column: pa.ChunkedArray | pa.Array) -> Flags:
    return np.asarray(pc.fill_null(column, False), np.bool_)


def _names_a_key(delivery_id: str) -> bool:
    """Whether the id fits into a partition key and can name a folder."""
    return len(delivery_id) <= MAX_DELIVERY_ID and delivery_id not in (".", "..")


def _repeated(image_ids: pa.ChunkedArray, codes: Codes) -> Flags:
    """Every row that shares delivery and `image_id` with another row."""
    ranks = pc.rank(image_ids, tiebreaker="dense").to_numpy().astype(np.int64)
    pairs = ranks * (int(codes.max(initial=0)) + 2) + codes + 1
    del ranks
    sorted_pairs = np.sort(pairs)
    repeated = np.unique(sorted_pairs[1:][sorted_pairs[1:] == sorted_pairs[:-1]])
    del sorted_pairs
    return np.isin(pairs, repeated) & (codes >= 0) & ~_flags(_blank(image_ids))


def _by_delivery(words: str, flags: Flags, codes: Codes, names: pa.Array, table: pa.Table) -> Iterator[DeliveryProblem]:
    rows = np.flatnonzero(flags)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    present, begins, counts = np.unique(codes[rows], return_index=True, return_counts=True)
    for code, begin, count in zip(present.tolist(), begins.tolist(), counts.tolist(), strict=True):
        first: Rows = rows[begin : begin + min(count, _SHOWN)]
        yield placed(
            DeliveryProblem(
                delivery_id=None if code < 0 else names[code].as_py(),
                problem=words,
                count=count,
                rows=tuple((first + 1).tolist()),
                image_ids=tuple(table.column("image_id").take(pa.array(first)).to_pylist()),
            ),
            table,
        )
