"""Joins many small parts of the ledger into a few large ones, so that reading stays fast after years of deliveries.

No row is lost or changed if joining is killed at any moment, or if two processes join at once: first the whole joined
part is written, then its record, and only then are the parts that it holds removed. The next joining removes leftover
files.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record, read_record, write_record
from cutouts.adapters.storage.stored_tables import check_table, read_table, row_groups, write_row_groups
from cutouts.core.errors import DamagedError
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import joined_file, joined_folder, ledger_folder, part_file
from cutouts.schemas.tables import JOINED
from cutouts.steps.ledger.parts import Joined, Parts, labelled, visible_parts
from cutouts.steps.ledger.recording import WRITTEN

_log = logging.getLogger(__name__)

MANY = 16
"""The number of small parts from which on they are joined: reading fewer costs less than writing them again."""
_SMALL = 2_000_000
"""A joined part with fewer bytes than this (about 10,000 images) is small."""
_TIER = 10
"""The number of joined parts of one size class (up to ten times `_SMALL`, up to a hundred times, …) that are joined
into one."""
_AT_ONCE = 2_000
"""The largest number of parts joined at a time, so that a kill loses no more than this work."""
_ROWS = 16_384
"""Rows per row group: few, so that recalling a delivery reads few rows of other deliveries."""
_ABANDONED_S = 86_400
"""A joined part that has no record after this time (s) was abandoned, and is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Members:
    """The parts to join: single parts, and joined parts by name with the single parts that each holds."""

    recipe: RecipeDigests
    joined: Mapping[str, frozenset[str]]
    single: Sequence[str]
    parts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", frozenset(self.single).union(*self.joined.values()))

    def shown(self) -> list[str]:
        """The files that make the members visible."""
        masks = [part_file(WRITTEN[-1], self.recipe, part) for part in self.single]
        return [*(joined_file(None, self.recipe, part) for part in self.joined), *masks]

    def hidden(self) -> list[str]:
        """The other files of the members."""
        single = [part_file(table, self.recipe, part) for table in WRITTEN[:-1] for part in self.single]
        return [*single, *(joined_file(table, self.recipe, part) for table in WRITTEN for part in self.joined)]


def join_parts(tables: Store, recipe: RecipeDigests) -> int:
    """Join parts of one recipe's ledger while there are many of one size. Returns the number of joined parts. Raises
    DamagedError if a part is damaged."""
    count = 0
    while chosen := _chosen(tables, visible_parts(tables, recipe)):
        try:
            count += _join(tables, chosen)
        except DamagedError:
            if _still_there(tables, chosen):
                raise
            _log.info("another process joins parts of the ledger too")
    return count


def _chosen(tables: Store, parts: Parts) -> Parts | None:
    """The parts to join into one next; None if there are few of each size."""
    if len(parts.single) + len(parts.joined) < min(MANY, _TIER):
        return None
    tiers = _by_size(tables, parts)
    small = tiers.pop(0, [])
    if len(parts.single) + len(small) >= MANY:
        return Parts(recipe=parts.recipe, single=parts.single[:_AT_ONCE], joined=tuple(small[:_AT_ONCE]))
    many = [found for _, found in sorted(tiers.items()) if len(found) >= _TIER]
    return Parts(recipe=parts.recipe, single=(), joined=tuple(many[0])) if many else None


def _by_size(tables: Store, parts: Parts) -> dict[int, list[str]]:
    """The joined parts by size class: 0 for small ones; classes of larger parts grow by one with each factor of ten in
    bytes."""
    sizes = dict.fromkeys(parts.joined, 0)
    for name, size in tables.sizes(joined_folder(parts.recipe), ".parquet").items():
        part = name.split("/")[-2]
        if part in sizes:
            sizes[part] += size
    tiers: dict[int, list[str]] = {}
    for part, size in sizes.items():
        tiers.setdefault(len(str(size // _SMALL)) if size >= _SMALL else 0, []).append(part)
    return tiers


def _still_there(tables: Store, chosen: Parts) -> bool:
    now = visible_parts(tables, chosen.recipe)
    return {*chosen.single} <= {*now.single} and {*chosen.joined} <= {*now.joined}


def _join(tables: Store, chosen: Parts) -> int:
    """Join these parts into one. Returns their number."""
    recipe, began = chosen.recipe, time.monotonic()
    held = {part: _held(tables, recipe, part) for part in chosen.joined}
    members = _Members(recipe=recipe, joined=held, single=chosen.single)
    name = f"{int(time.time())}-{uuid.uuid4().hex[:16]}"
    rows = {table: _write(tables, members, table, joined_file(table, recipe, name)) for table in WRITTEN}
    for table in WRITTEN:
        check_table(tables, joined_file(table, recipe, name), whole=False)
    images = rows["masks"] + rows["rejections"]
    write_record(tables, joined_file(None, recipe, name), Joined(parts=tuple(sorted(members.parts)), images=images))
    tables.remove_all(members.shown())
    tables.remove_all(members.hidden())
    remove_left_over(tables, recipe)
    count = len(held) + len(members.single)
    _log.info("%d parts of the ledger joined into one: %d images, %.1f s", count, images, time.monotonic() - began)
    return count


def _held(tables: Store, recipe: RecipeDigests, joined: str) -> frozenset[str]:
    """The single parts that a joined part holds."""
    name = joined_file(None, recipe, joined)
    try:
        return frozenset(read_record(tables, name, Joined).parts)
    except FileNotFoundError as error:  # raised as for a table: another joining may have removed it
        raise DamagedError(f"{tables.url}/{name}", "it is not there") from error


def _write(tables: Store, members: _Members, table: str, name: str) -> int:
    """Write one table of the joined part. Returns its number of rows."""
    rows = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal rows
        for group in _groups(_rows(tables, members, table), JOINED[table]):
            rows += group.num_rows
            yield group

    write_row_groups(tables, name, counted(), JOINED[table])
    return rows


def _rows(tables: Store, members: _Members, table: str) -> Iterator[pa.Table]:
    """The rows of one table of all members; the rows of each single part appear once."""
    taken: set[str] = set()
    for joined, parts in members.joined.items():
        known = pa.array(sorted(parts & taken), pa.string())
        for group in row_groups(tables, joined_file(table, members.recipe, joined)):
            yield group.filter(pc.invert(pc.is_in(group.column("part"), value_set=known))) if len(known) else group
        taken |= parts
    left = [part for part in members.single if part not in taken]
    sizes = tables.sizes(ledger_folder(table, members.recipe), ".parquet")
    large = {part for part in left if sizes.get(part_file(table, members.recipe, part), 0) > _SMALL}
    for part in sorted(large):
        for group in row_groups(tables, part_file(table, members.recipe, part)):
            yield labelled(group, part)
    small = [part for part in left if part not in large]
    found = in_parallel(lambda part: read_table(tables, part_file(table, members.recipe, part)), small)
    for part, rows in zip(small, found, strict=True):
        yield labelled(rows, part)


def _groups(pieces: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows, in pieces of at most `_ROWS` rows."""
    held, rows = [schema.empty_table()], 0
    for piece in pieces:
        held.append(piece.cast(schema))
        rows += piece.num_rows
        if rows >= _ROWS:
            whole = pa.concat_tables(held).combine_chunks()
            yield from (whole.slice(begin, _ROWS) for begin in range(0, rows, _ROWS))
            held, rows = [schema.empty_table()], 0
    if rows:
        yield pa.concat_tables(held)


def remove_left_over(tables: Store, recipe: RecipeDigests) -> None:
    """Remove the leftovers of a killed joining: single parts that a joined part holds, and old joined parts without a
    record."""
    joined = visible_parts(tables, recipe).joined
    records = (find_record(tables, joined_file(None, recipe, part), Joined) for part in joined)
    held = {part for record in records if record for part in record.parts}
    left = []
    for table in reversed(WRITTEN):
        names = tables.names(ledger_folder(table, recipe), ".parquet")
        left += [name for name in names if name.rpartition("/")[2].removesuffix(".parquet") in held]
    for name in tables.names(joined_folder(recipe), ".parquet"):
        part = name.split("/")[-2]
        if part not in joined and int(part.partition("-")[0]) + _ABANDONED_S < time.time():
            left.append(name)
    tables.remove_all(left)
