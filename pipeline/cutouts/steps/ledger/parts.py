"""Lists the parts of the ledger, and reads them safely while other processes add or join parts.

A part becomes visible with the file that is written last: its masks, or the record of a joined part. A joined part is
written whole before the parts that it replaces are removed, so every row is in a visible part at any moment. A listing
takes time: single parts are listed first and joined parts twice after them, so that rows that move meanwhile are found
in their old place or in their new one.
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
    """The record of a joined part, written last: the single parts that it holds, and the number of `images` in them."""

    parts: tuple[str, ...]
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The visible parts of one recipe, by name: single parts, each made by one plan, and joined parts."""

    recipe: RecipeDigests
    single: tuple[str, ...]
    joined: tuple[str, ...]

    def files(self, table: str) -> list[str]:
        """The file of that table in each part: single parts first, then joined parts."""
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
    """The result of `read` for the visible parts. If parts were joined meanwhile, it is called again with the new ones.
    Raises DamagedError if a part that still exists is damaged."""
    parts = visible_parts(tables, recipe)
    while True:
        try:
            return read(parts)
        except DamagedError:
            before, parts = parts, visible_parts(tables, recipe)
            if parts == before:
                raise


def labelled(rows: pa.Table, part: str) -> pa.Table:
    """Rows of a single part, with its name as a column (`LEDGER_PART`)."""
    return rows.append_column(LEDGER_PART, pa.repeat(pa.scalar(part, pa.string()), rows.num_rows))


def _stems(names: list[str], suffix: str) -> tuple[str, ...]:
    return tuple(name.removesuffix(suffix).rpartition("/")[2] for name in names)
