"""Which parts of the ledger there are, and how they are read while somebody else adds or joins some.

A part is visible by the file that is written last: its masks, or of a joined part its record. A joined part is written
whole before the parts that it replaces are removed, so every row is in a visible part at each moment. A listing is not
taken at one moment: single parts are listed first and joined ones twice after them, so that what moves meanwhile is
found in its old place or in its new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from cutouts.adapters.storage.store import Store
from cutouts.core.errors import DamagedError
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import JOINED_RECORD, joined_file, joined_folder, ledger_folder, part_file
from cutouts.schemas.tables import LEDGER_PART

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The record of a joined part, written last: which single parts it holds, `images` in all."""

    parts: tuple[str, ...]
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The visible parts of one recipe, by name: single ones, each of one plan, and joined ones."""

    recipe: RecipeDigests
    single: tuple[str, ...]
    joined: tuple[str, ...]

    def files(self, table: str) -> list[str]:
        """The file of that table of each part: single ones, then joined ones."""
        return [
            *(part_file(table, self.recipe, part) for part in self.single),
            *(joined_file(table, self.recipe, part) for part in self.joined),
        ]


def visible_parts(tables: Store, recipe: RecipeDigests) -> Parts:
    """The parts of one recipe; a row may be in two of them."""
    single = _stems(tables.names(ledger_folder("masks", recipe), ".parquet"), ".parquet")
    joined = {*joined_parts(tables, recipe), *joined_parts(tables, recipe)}
    return Parts(recipe=recipe, single=single, joined=tuple(sorted(joined)))


def joined_parts(tables: Store, recipe: RecipeDigests) -> tuple[str, ...]:
    """The joined parts that have their record."""
    return _stems(tables.names(joined_folder(recipe), f"/{JOINED_RECORD}"), f"/{JOINED_RECORD}")


def read_visible(tables: Store, recipe: RecipeDigests, read: Callable[[Parts], T]) -> T:
    """What `read` makes of the visible parts; again with those of then, if some were joined while it read."""
    parts = visible_parts(tables, recipe)
    while True:
        try:
            return read(parts)
        except DamagedError:
            before, parts = parts, visible_parts(tables, recipe)
            if parts == before:
                raise


def labelled(rows: pa.Table, part: str) -> pa.Table:
    """Rows of a single part, with the column that says so."""
    return rows.append_column(LEDGER_PART, pa.repeat(pa.scalar(part, pa.string()), rows.num_rows))


def _stems(names: list[str], suffix: str) -> tuple[str, ...]:
    return tuple(name.removesuffix(suffix).rpartition("/")[2] for name in names)
