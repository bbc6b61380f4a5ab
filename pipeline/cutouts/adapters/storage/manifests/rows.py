"""The rows of an opened manifest. Each of its files is read and converted to the manifest's columns separately."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.adapters.storage.manifests.errors import of_file, reading, unreadable, unusable
from cutouts.adapters.storage.manifests.footers import (
    Footer,
    RowGroup,
    check_unpacked,
)
from cutouts.adapters.storage.manifests.row_groups import batches
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.checks import FAULT, PART, ROW
from cutouts.core.manifests.conversion import conform, days_of, scopes_of
from cutouts.core.manifests.structure import DATE, DELTA, FULL, SCOPE
from cutouts.core.text.counting import counted
from cutouts.schemas.tables import MANIFEST

MAX_BYTES_OF_DAY = 4 * 2**30
"""Most bytes in memory of the rows of one day."""
_ROWS = 65_536
_BYTES = 64 * 2**20
"""Rows, and their bytes, that are conformed at a time."""
_NAMED = 10
"""One problem names at most this many rows."""
_PART_TYPE = pa.dictionary(pa.int32(), pa.string())
_TOLD = (pa.field(FAULT, pa.int64()), pa.field(ROW, pa.int32()), pa.field(PART, _PART_TYPE))
"""The fields that a reader adds to the columns of each row."""
_DELIVERY = "delivery_id"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of a manifest. `day` is its rows' day; if it is `dated`, its column `date` has the day of each row.

    `name` is its path in the manifest, or empty if the manifest is a single file. If a part has no day and is not
    `dated`, its rows state no day.
    """

    path: str
    name: str
    day: date | None
    dated: bool
    footer: Footer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The rows to find: those of a delivery and of a day. None accepts any."""

    delivery_id: str | None = None
    day: date | None = None

    def may_be_in(self, group: RowGroup, schema: pa.Schema) -> bool:
        """Whether a row group can have such rows according to its statistics. Only a plain date32 is compared."""
        delivery_id, day = group.chunks.get(_DELIVERY), group.chunks.get(DATE)
        if self.delivery_id is not None and delivery_id and not delivery_id.may_hold(self.delivery_id.encode()):
            return False
        if self.day is None or day is None or schema.field(DATE).type != pa.date32():
            return True
        return day.may_hold_number((self.day - _EPOCH).days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An opened manifest, whose parts all passed the checks of their structure. `base` is the base of relative URIs."""

    url: str
    base: str
    parts: tuple[ManifestFile, ...]
    fs: Any

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(part.footer.rows for part in self.parts)

    def days(self) -> tuple[date | None, ...]:
        """The days of delivery in the manifest, oldest first; None comes last, for rows that state none.

        Raises ManifestError if values of a column `date` are not a day, or not the day of their folder.
        """
        found: set[date | None] = set()
        problems: list[str] = []
        for part in self.parts:
            try:
                found |= self._days_of(part)
            except ManifestError as error:
                problems += error.problems
        if problems:
            raise unusable(self.url, problems)
        return tuple(sorted(found, key=lambda day: day or date.max))

    def by_day(self, columns: Sequence[str] = MANIFEST.names) -> Iterator[tuple[date | None, pa.Table]]:
        """Each of the `days` with its table as from `read`. Files with a column `date` are read once for all days."""
        days = self.days()
        tables: dict[date | None, list[pa.Table]] = {day: [] for day in days}
        size = 0
        for number in (number for number, part in enumerate(self.parts) if part.dated):
            for table, of_rows in self._rows(number, _schema(columns), None):
                size = self._counted(size, table)
                for day in pc.unique(of_rows).to_pylist():
                    tables[day].append(_filtered(table, _equal(of_rows, pa.scalar(day, pa.date32()))))
        for day in days:
            yield day, pa.concat_tables([*tables.pop(day), self._read(day, columns, None, dated=False)])

    def read(self, day: date | None, *, delivery_id: str | None = None) -> pa.Table:
        """The conformed rows of one day (and one delivery, if given), with the columns `FAULT`, `ROW` and `PART`."""
        return self._read(day, MANIFEST.names, delivery_id, dated=True)

    def is_full(self, day: date, delivery_id: str) -> bool:
        """Whether the rows of a delivery state that they are the whole delivery. Rows without a scope do not.

        Raises ManifestError if they contradict each other or have an unknown scope.
        """
        if not any(SCOPE in part.footer.schema.names for part in self.parts):
            return False
        told: set[str | None] = set()
        for part in self.parts:
            if part.dated or part.day == day:
                told |= self._scopes(part, day, delivery_id)
        told = {one or DELTA for one in told}
        if told <= {DELTA} or told == {FULL}:
            return told == {FULL}
        raise unusable(
            self.url,
            [
                f"{SCOPE}: the rows of delivery {day}/{delivery_id} say {', '.join(sorted(map(str, told)))}; "
                f"expected {FULL} in all of them, or {DELTA}"
            ],
        )

    def _scopes(self, part: ManifestFile, day: date, delivery_id: str) -> set[str | None]:
        columns = [_DELIVERY, SCOPE, *([DATE] if part.dated else [])]
        found: set[str | None] = set()
        for first, piece in self._pieces(part, columns, _Wanted(delivery_id=delivery_id)):
            its = _equal(conform(piece)[0].column(_DELIVERY), pa.scalar(delivery_id, pa.string()))
            if part.dated:
                its &= _equal(self._days(part, first, piece), pa.scalar(day, pa.date32()))
            rows = piece.filter(pa.array(its))
            if rows.num_rows:
                found |= scopes_of(rows.column(SCOPE)) if SCOPE in piece.column_names else {None}
        return found

    def _read(self, day: date | None, columns: Sequence[str], delivery_id: str | None, *, dated: bool) -> pa.Table:
        schema = _schema(columns)
        tables, size = [schema.empty_table()], 0
        for number, part in enumerate(self.parts):
            if (dated and part.dated) or (not part.dated and part.day == day):
                for table, days in self._rows(number, schema, delivery_id, day=day):
                    kept = table if days is None else _filtered(table, _equal(days, pa.scalar(day, pa.date32())))
                    size = self._counted(size, kept)
                    tables.append(_sharing_nulls(kept))
        return pa.concat_tables(tables)

    def _counted(self, size: int, table: pa.Table) -> int:
        """The bytes in memory including that table. Raises ManifestError if there are too many."""
        size += table.nbytes
        if size > MAX_BYTES_OF_DAY:
            raise unreadable(self.url, [f"more than {MAX_BYTES_OF_DAY:,} bytes of rows that are looked at together"])
        return size

    def _days_of(self, part: ManifestFile) -> set[date | None]:
        if not part.dated:
            return {part.day} if part.footer.rows else set()
        found: set[date | None] = set()
        for first, piece in self._pieces(part, [DATE], _Wanted()):
            found.update(pc.unique(self._days(part, first, piece)).to_pylist())
        return found

    def _rows(
        self, number: int, schema: pa.Schema, delivery_id: str | None, day: date | None = None
    ) -> Iterator[tuple[pa.Table, pa.Array | None]]:
        """The rows of a part (of one delivery, if given), piece by piece, and if the part is dated, the day of each."""
        part = self.parts[number]
        columns = [*MANIFEST.names, *([DATE] if part.dated else [])]
        wanted = _Wanted(delivery_id=delivery_id, day=None if part.day else day)  # a null day is the folder's
        for first, piece in self._pieces(part, columns, wanted):
            days = self._days(part, first, piece) if part.dated else None
            with reading(self.url, part.name):
                table, faults = conform(piece)
            rows = np.arange(first + 1, first + 1 + len(faults), dtype=np.int32)
            told = (pa.array(faults), pa.array(rows), self._name(number, len(faults)))
            kept = table.select(schema.names[: -len(told)]).columns
            found = pa.Table.from_arrays([*kept, *told], schema=schema)
            if delivery_id is not None:
                its = _equal(table.column(_DELIVERY), pa.scalar(delivery_id, pa.string()))
                found, days = _filtered(found, its), None if days is None else days.filter(pa.array(its))
            yield found, days

    def _days(self, part: ManifestFile, first: int, piece: pa.Table) -> pa.Array:
        """The day of each row: from the column `date`, or from the folder if it is null."""
        days, bad = days_of(piece.column(DATE))
        _refuse_rows(self.url, part, "not a day (YYYY-MM-DD)", bad, first, piece.column(DATE))
        if part.day is None:
            return days
        other = ~_equal(days, pa.scalar(part.day)) & np.asarray(days.is_valid(), np.bool_)
        _refuse_rows(self.url, part, f"not {part.day}, the day of its folder", other, first, piece.column(DATE))
        return pc.fill_null(days, pa.scalar(part.day))

    def _name(self, number: int, rows: int) -> pa.Array:
        """The part's name for each row; null if the manifest is one file."""
        if not self.parts[number].name:
            return pa.nulls(rows, _PART_TYPE)
        names = pa.array([part.name for part in self.parts], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(np.full(rows, number, np.int32)), names)

    def _pieces(self, part: ManifestFile, columns: Sequence[str], wanted: _Wanted) -> Iterator[tuple[int, pa.Table]]:
        """The part's columns as stored, piece by piece, each with the number of its first row (from 0).

        Row groups that cannot have wanted rows are left out.
        """
        with reading(self.url, part.name), self.fs.open(part.path, "rb") as stream:
            first = unpacked = 0
            for number, group in enumerate(part.footer.groups):
                if wanted.may_be_in(group, part.footer.schema):
                    at = first
                    for piece in _collected(batches(stream, part.footer, number, columns)):
                        unpacked += piece.nbytes
                        check_unpacked(part.footer, unpacked)
                        yield at, piece
                        at += piece.num_rows
                first += group.rows


def _schema(columns: Sequence[str]) -> pa.Schema:
    return pa.schema([*(MANIFEST.field(name) for name in columns), *_TOLD], metadata=MANIFEST.metadata)


def _filtered(table: pa.Table, wanted: NDArray[np.bool_]) -> pa.Table:
    return table if wanted.all() else table.filter(pa.array(wanted))


def _sharing_nulls(table: pa.Table) -> pa.Table:
    """The same table; its columns without a value share their memory with those of other pieces."""
    rows = table.num_rows
    columns = [_nulls(rows, one.type) if one.null_count == rows else one for one in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


@lru_cache(maxsize=32)
def _nulls(rows: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(rows, kind)


def _collected(pieces: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches as fewer, larger tables."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for piece in pieces:
        waiting.append(piece)
        rows, size = rows + piece.num_rows, size + piece.get_total_buffer_size()
        if rows >= _ROWS or size >= _BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def _equal(column: pa.Array | pa.ChunkedArray, value: pa.Scalar) -> NDArray[np.bool_]:
    """A mask of the values that equal `value`; null equals null."""
    same = pc.is_null(column) if not value.is_valid else pc.fill_null(pc.equal(column, value), False)
    return np.asarray(same, np.bool_)


def _refuse_rows(
    url: str, part: ManifestFile, words: str, bad: NDArray[np.bool_], first: int, column: pa.ChunkedArray
) -> None:
    """Raise ManifestError if there are `bad` rows in a piece of a column that begins at row `first` (from 0)."""
    rows = np.flatnonzero(bad)
    if not len(rows):
        return
    values = column.take(pa.array(rows[:_NAMED])).cast(pa.string()).to_pylist()
    named = ", ".join(f"{first + row + 1} ({value})" for row, value in zip(rows.tolist(), values, strict=False))
    count = counted(len(rows), "row is", "rows are")
    raise unusable(url, [of_file(part.name, f"{DATE}: {count} {words}: {named}{', …' if len(rows) > _NAMED else ''}")])
