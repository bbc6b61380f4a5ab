"""Adds the results of one plan to the ledger as one part."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.core.records import RecipeDigests
from cutouts.core.table_paths import part_file
from cutouts.steps.ledger.results import Results

WRITTEN = ("rejections", "metrics", "masks")
"""The tables of a part in the order in which they are written: the last one makes it visible."""


def record(tables: Store, recipe: RecipeDigests, plan_id: str, results: Results) -> None:
    """Add the results of one plan to the ledger. Adding the same results again changes nothing.

    If the plan's images had other bytes in an earlier run (its rows do not identify them), those results stay a
    separate part.
    """
    contents = sorted(filter(None, (*_contents(results.masks), *_contents(results.rejections))))
    part = f"{plan_id}-{hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:16]}"
    for name in WRITTEN:
        write_table(tables, part_file(name, recipe, part), getattr(results, name))


def _contents(table: pa.Table) -> list[str | None]:
    found: list[str | None] = table.column("sha256").to_pylist()
    return found
