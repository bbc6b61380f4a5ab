"""Converts the rows of any writer's Parquet file to rows of a manifest.

Types that hold the same values are converted to ours. A value that cannot be kept is replaced by text that can be shown
(or by null), and marked by a bit in the row's faults; `checks.check_content` then refuses the delivery. Everything is
columnar: Python handles single values only in faulty rows.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds
from numpy.typing import NDArray

from cutouts.core.manifests.structure import is_text
from cutouts.core.pixels import Bytes
from cutouts.schemas.tables import MANIFEST

MAX_TEXT = {name: 1_024 for name in MANIFEST.names if MANIFEST.field(name).type == pa.string()} | {"uri": 16_384}
"""Maximum size of a value by column (B): what a database indexes, and what web servers accept as a URL."""


def _misfit(expected: pa.DataType) -> str:
    """What is wrong with a number or a time that a column of this type cannot hold without a loss."""
    return f"is not a whole number that fits {expected}" if kinds.is_integer(expected) else f"does not fit {expected}"


_NOT_UTF8, _TOO_LONG, _CONTROL = "is not valid UTF-8", "is longer than {limit} bytes", "has control characters"
FAULTS = tuple(
    f"{field.name} {words.format(limit=MAX_TEXT.get(field.name))}"
    for field in MANIFEST
    for words in ((_NOT_UTF8, _TOO_LONG, _CONTROL) if field.name in MAX_TEXT else (_misfit(field.type),))
)
"""What can be wrong with one value: the bits of a row's faults, in this order."""

Flags: TypeAlias = NDArray[np.bool_]
Faults: TypeAlias = NDArray[np.int64]
Found: TypeAlias = tuple[pa.Array, list[tuple[str, Flags]]]
"""A conformed column, and the rows that have each fault."""

_CONTROLS = "[\x00-\x1f\x7f-\u009f]"
_SHOWN = 80
"""The number of bytes that are kept of a value that is too long."""
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_FIRST_DAY, _LAST_DAY = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (date.min, date.max))


def conform(table: pa.Table) -> tuple[pa.Table, Faults]:
    """`table` with the columns and types of `schemas.tables.MANIFEST`, and the faults of each row (bits of `FAULTS`).

    Expects columns without problems. Columns that `table` lacks become null, and so does blank text in a column that
    may be null. A null or blank in any other column stays, and `check_content` reports it.
    """
    arrays, faults = [], np.zeros(table.num_rows, np.int64)
    for field in MANIFEST:
        array, found = _conformed(field, table)
        arrays.append(array)
        for words, flags in found:
            faults[flags] |= 1 << FAULTS.index(f"{field.name} {words}")
    return pa.Table.from_arrays(arrays, schema=MANIFEST), faults


def scopes_of(column: pa.ChunkedArray) -> set[str | None]:
    """The distinct values of a column `scope`; None for null and blank text."""
    array = _whole(column)
    if kinds.is_null(array.type):
        return {None}
    text, _ = _text(array, MAX_TEXT["image_id"])
    return set(pc.unique(_without_blanks(text)).to_pylist())


def days_of(column: pa.ChunkedArray) -> tuple[pa.Array, Flags]:
    """A column `date` as date32, and the rows that do not state a day: text other than `YYYY-MM-DD`, or a time other
    than midnight.

    Blank text becomes null. For times with a zone, the day in UTC is used.
    """
    array = _whole(column)
    if kinds.is_null(array.type):
        return pa.nulls(len(array), pa.date32()), np.zeros(len(array), np.bool_)
    if is_text(array.type):
        return _days_of_text(array)
    if kinds.is_date32(array.type):
        numbers, rest = array.cast(pa.int32()).cast(pa.int64()), None
    else:
        unit = "ms" if kinds.is_date64(array.type) else array.type.unit
        moments = _filled(array.cast(pa.int64()))
        numbers, rest = pa.array(moments // _PER_DAY[unit], mask=_nulls(array)), moments % _PER_DAY[unit] != 0
    values = _filled(numbers)
    bad = (values < _FIRST_DAY) | (values > _LAST_DAY) | (rest if rest is not None else False)
    return pa.array(np.where(bad, 0, values).astype(np.int32), mask=_nulls(array) | bad).cast(pa.date32()), bad


def _conformed(field: pa.Field, table: pa.Table) -> Found:
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type), []
    array = _whole(table.column(field.name))
    if kinds.is_null(array.type):
        return pa.nulls(len(array), field.type), []
    if kinds.is_string(field.type):
        text, found = _text(array, MAX_TEXT[field.name])
        return (_without_blanks(text) if field.nullable else text), found
    return _number(array, field.type)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, with dictionaries resolved."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # nothing at all, or more than fits into one piece
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.nulls(0, array.type)
    return array.dictionary.take(array.indices) if kinds.is_dictionary(array.type) else array


def _text(array: pa.Array, limit: int) -> Found:
    """The text, with the values of faulty rows replaced by a form that can be shown."""
    raw = array.cast(pa.binary() if kinds.is_string(array.type) else pa.large_binary())
    long = _flags(pc.greater(pc.binary_length(raw), limit))
    raw = _cut(raw, long).cast(pa.binary())
    invalid = _invalid(raw) & ~long
    raw = _shown(raw, invalid | long)
    steering = _steering(raw)
    faulty = invalid.any() or long.any() or steering.any()
    text = _shown(raw, steering).cast(pa.string()) if faulty or not kinds.is_string(array.type) else array
    words = (_NOT_UTF8, _TOO_LONG.format(limit=limit), _CONTROL)
    return text, [(word, flags) for word, flags in zip(words, (invalid, long, steering), strict=True) if flags.any()]


def _invalid(raw: pa.Array) -> Flags:
    """The values that are not UTF-8. Arrow does not check this when it reads a file."""
    try:
        raw.cast(pa.string())
    except pa.ArrowInvalid:
        return np.fromiter((not _is_utf8(value) for value in raw.to_pylist()), np.bool_, len(raw))
    return np.zeros(len(raw), np.bool_)


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is None or isinstance(value.decode(), str)
    except UnicodeDecodeError:
        return False


def _steering(raw: pa.Array) -> Flags:
    """The values that have control characters, except blank ones, which count as missing.

    All bytes are scanned first, because a regex takes far longer.
    """
    buffer = raw.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer else np.zeros(0, np.uint8)
    if not ((data < 0x20).any() or (data == 0x7F).any() or _has_c1(data)):
        return np.zeros(len(raw), np.bool_)
    text = raw.cast(pa.string())
    return _flags(pc.and_not(pc.match_substring_regex(text, _CONTROLS), pc.utf8_is_space(text)))


def _has_c1(data: Bytes) -> bool:
    """Whether bytes of UTF-8 may contain U+0080 to U+009F: C2, followed by 80 to 9F."""
    following = data[np.flatnonzero(data[:-1] == 0xC2) + 1]
    return bool((following < 0xA0).any())


def _cut(raw: pa.Array, long: Flags) -> pa.Array:
    """The text, with values that are too long cut short: together they may be larger than the memory."""
    if not long.any():
        return raw
    more, nothing = pa.scalar(b"...", raw.type), pa.scalar(b"", raw.type)
    beginning = pc.binary_join_element_wise(pc.binary_slice(raw, 0, _SHOWN), more, nothing)
    return pc.if_else(pa.array(long), beginning, raw)


def _shown(raw: pa.Array, flags: Flags) -> pa.Array:
    """The text, with the values that `flags` mark replaced by a form that can be shown."""
    if not flags.any():
        return raw
    texts = [_escaped(value) for value in raw.filter(pa.array(flags)).to_pylist()]
    return pc.replace_with_mask(raw, pa.array(flags), pa.array(texts, pa.binary()))


def _escaped(value: bytes) -> bytes:
    text = value.decode("utf-8", "backslashreplace")
    return re.sub(_CONTROLS, lambda found: f"\\x{ord(found[0]):02x}", text).encode()


def _without_blanks(text: pa.Array) -> pa.Array:
    blank = pc.or_(pc.equal(text, ""), pc.utf8_is_space(text))
    return pc.if_else(blank, pa.scalar(None, pa.string()), text) if pc.any(blank).as_py() else text


def _number(array: pa.Array, expected: pa.DataType) -> Found:
    """Numbers and times in the expected type; a value that would change becomes null and is marked as a fault."""
    if kinds.is_decimal(array.type) and array.type.bit_width < 128:  # Arrow says of each that it is out of bounds
        array = array.cast(pa.decimal128(38, array.type.scale))
    # Nanoseconds of a camera's clock say nothing; every other loss is a fault.
    options = pc.CastOptions(target_type=expected, allow_time_truncate=True)
    try:
        return pc.cast(array, options=options), []
    except pa.ArrowInvalid:
        flags = _misfits(array, expected)
    mended = pc.if_else(pa.array(flags), pa.scalar(None, array.type), array)
    return pc.cast(mended, options=options), [(_misfit(expected), flags)]


def _misfits(array: pa.Array, expected: pa.DataType) -> Flags:
    """The values that cannot be converted to `expected` without a loss."""
    factor, bits = 1, expected.bit_width
    if kinds.is_timestamp(array.type):
        factor, array = _PER_DAY["us"] // _PER_DAY[array.type.unit], array.cast(pa.int64())
    values = (0 if value is None else value * factor for value in array.to_pylist())
    fits = (-(2 ** (bits - 1)) <= value < 2 ** (bits - 1) and value == int(value) for value in values)
    return ~np.fromiter(fits, np.bool_, len(array))


def _days_of_text(array: pa.Array) -> tuple[pa.Array, Flags]:
    """Many rows share few days, so each day is parsed once."""
    encoded = _text(array, MAX_TEXT["delivery_id"])[0].dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    days = [_day(text) for text in texts]
    bad = [day is None and bool(text.strip()) for day, text in zip(days, texts, strict=True)]
    found = pa.array(days, pa.date32()).take(encoded.indices)
    return found, _flags(pa.array(bad, pa.bool_()).take(encoded.indices))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        return None


def _flags(column: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(column, False), np.bool_)


def _nulls(array: pa.Array) -> Flags:
    return np.asarray(array.is_null(), np.bool_)


def _filled(numbers: pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False), np.int64)
