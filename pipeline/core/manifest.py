"""Whether a manifest can be worked with: its structure as a whole, its content delivery by delivery.

Columnar throughout: 10 million rows are checked without a Python object per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
from numpy.typing import NDArray

from pipeline.core.display import printable
from pipeline.core.errors import ManifestError
from pipeline.core.records import MAX_KEY
from schemas.tables import MANIFEST

EMPTY = "the manifest has no rows"
"""The problem of a manifest with zero rows, which refuses it as a whole."""
CONTENT_COLUMNS = ("image_id", "product_id", "delivery_id", "uri", "bytes")
"""What `check_content` reads."""

_SHOWN = 10
_MAX_DELIVERY_ID = MAX_KEY - len("YYYY-MM-DD/")
_MAX_FOLDER = 255
"""Characters that a folder may have in its name on the usual file systems, once it is quoted."""

Group: TypeAlias = tuple[date | None, str | None]
"""Rows that are accepted or refused together: their day and their delivery id, None for what they do not state."""
Rows: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryProblem:
    """One kind of bad content in one delivery, which is refused for it while the others go on.

    `delivery_id` is None for the rows that name no delivery, `day` for those that state no day. `count` rows have the
    problem; the first ten of them are `rows` (counted from 1 in the order of the manifest) and `image_ids` (None where
    there is none).
    """

    delivery_id: str | None
    problem: str
    count: int
    rows: tuple[int, ...]
    image_ids: tuple[str | None, ...]
    day: date | None = None

    def __str__(self) -> str:
        day = f" of {self.day.isoformat()}" if self.day else ""
        name = "rows without delivery" if self.delivery_id is None else f"delivery {self.delivery_id!r}"
        pairs = zip(self.rows, self.image_ids, strict=True)
        shown = ", ".join(f"{row} ({printable(image_id)})" if image_id else str(row) for row, image_id in pairs)
        rows = "1 row" if self.count == 1 else f"{self.count} rows"
        return f"{name}{day}: {self.problem}: {rows}: {shown}{', …' if self.count > len(self.rows) else ''}"


def check_structure(schema: pa.Schema) -> tuple[str, ...]:
    """Every problem of a manifest's columns, in words; none where `conform` can make it a manifest.

    A column that may be null may also be missing, and further columns are ignored. Types may differ where no
    value is lost by it: any kind of text (also as a dictionary), any width of integer, any unit of time and any
    time zone as long as one is stated, and no type at all where every value may be null.
    """
    return tuple(problem for field in MANIFEST if (problem := _problem(field, schema)))


def conform(table: pa.Table) -> pa.Table:
    """`table` with exactly the columns and types of `schemas.tables.MANIFEST`; what it lacks is null.

    Expects a structure without problems. A null in a column that may have none stays, for `check_content` to find.
    Raises ManifestError with one line per column whose values do not fit.
    """
    columns, problems = [], []
    for field in MANIFEST:
        try:
            columns.append(_cast(field, table))
        except pa.ArrowInvalid as error:
            problems.append(f"{field.name}: {error}")
    if problems:
        raise ManifestError("the manifest has values that do not fit", problems)
    return pa.Table.from_arrays(columns, schema=MANIFEST)


def check_content(table: pa.Table) -> tuple[DeliveryProblem, ...]:
    """What is wrong with the rows of a conformed manifest, in the order of the deliveries; none where all is well.

    `table` needs no more than `CONTENT_COLUMNS`. Found are: rows without a delivery; ids and URIs that are missing
    or blank; an `image_id` that stands more than once in its delivery; negative sizes; deliveries whose id cannot
    be a key.
    """
    codes, names = _deliveries(table.column("delivery_id"))
    found = [
        problem
        for words, flags in _checks(table, codes, names)
        for problem in _by_delivery(words, flags, codes, names, table.column("image_id"))
    ]
    return tuple(sorted(found, key=lambda problem: (problem.delivery_id is not None, problem.delivery_id or "")))


def without_blanks(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The text, null where it is empty or only white space."""
    return pc.if_else(_blank(text), pa.scalar(None, pa.string()), text)


def _problem(field: pa.Field, schema: pa.Schema) -> str | None:
    places = schema.get_all_field_indices(field.name)
    if not places:
        return None if field.nullable else f"{field.name}: missing; expected {field.type}"
    if len(places) > 1:
        return f"{field.name}: {len(places)} columns have this name"
    found = schema.field(places[0]).type
    if kinds.is_timestamp(field.type) and kinds.is_timestamp(found) and found.tz is None:
        return f"{field.name}: states no time zone; expected times in UTC ({field.type}), found {found}"
    if (kinds.is_null(found) and field.nullable) or _fits(found, field.type):
        return None
    return f"{field.name}: expected {field.type}, found {found}"


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    if kinds.is_string(expected):
        text = found.value_type if kinds.is_dictionary(found) else found
        return bool(kinds.is_string(text) or kinds.is_large_string(text) or kinds.is_string_view(text))
    if kinds.is_integer(expected):
        return bool(kinds.is_integer(found))
    return bool(kinds.is_timestamp(found))


def _cast(field: pa.Field, table: pa.Table) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)], field.type)
    # Nanoseconds of a camera's clock say nothing; every other loss is an error.
    options = pc.CastOptions(target_type=field.type, allow_time_truncate=True)
    return pc.cast(table.column(field.name), options=options)


def _deliveries(delivery_ids: pa.ChunkedArray) -> tuple[Codes, pa.Array]:
    """A number per row (−1 where no delivery is named) and the name that each number stands for."""
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
    yield "image_id stands more than once in its delivery", _repeated(table.column("image_id"), codes)
    yield "bytes is negative", _flags(pc.less(table.column("bytes"), 0))
    unusable = np.array([*(not _names_a_key(name) for name in names.to_pylist()), False])
    yield f"delivery_id cannot be a key (at most {_MAX_DELIVERY_ID} plain characters)", unusable[codes]


def _blank(text: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    return pc.fill_null(pc.or_(pc.equal(text, ""), pc.utf8_is_space(text)), True)


def _flags(column: pa.ChunkedArray | pa.Array) -> Flags:
    return np.asarray(pc.fill_null(column, False), np.bool_)


def _names_a_key(delivery_id: str) -> bool:
    """Whether it fits into a partition key and, quoted, names one folder."""
    folder = quote(delivery_id, safe="")
    return len(delivery_id) <= _MAX_DELIVERY_ID and len(folder) <= _MAX_FOLDER and folder not in (".", "..")


def _repeated(image_ids: pa.ChunkedArray, codes: Codes) -> Flags:
    """Every row whose delivery and `image_id` another row has too."""
    ranks = pc.rank(image_ids, tiebreaker="dense").to_numpy().astype(np.int64)
    pairs = ranks * (int(codes.max(initial=0)) + 2) + codes + 1
    del ranks
    sorted_pairs = np.sort(pairs)
    repeated = np.unique(sorted_pairs[1:][sorted_pairs[1:] == sorted_pairs[:-1]])
    del sorted_pairs
    return np.isin(pairs, repeated) & (codes >= 0) & ~_flags(_blank(image_ids))


def _by_delivery(
    words: str, flags: Flags, codes: Codes, names: pa.Array, image_ids: pa.ChunkedArray
) -> Iterator[DeliveryProblem]:
    rows = np.flatnonzero(flags)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    present, begins, counts = np.unique(codes[rows], return_index=True, return_counts=True)
    for code, begin, count in zip(present.tolist(), begins.tolist(), counts.tolist(), strict=True):
        first: Rows = rows[begin : begin + min(count, _SHOWN)]
        yield DeliveryProblem(
            delivery_id=None if code < 0 else names[code].as_py(),
            problem=words,
            count=count,
            rows=tuple((first + 1).tolist()),
            image_ids=tuple(image_ids.take(pa.array(first)).to_pylist()),
        )
