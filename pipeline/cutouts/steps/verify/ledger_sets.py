"""Reads parts of the ledger for `verify`: the plans that they hold, and their masks."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import write_record
from cutouts.adapters.storage.stored_tables import check_table, read_table
from cutouts.core.errors import DamagedError
from cutouts.schemas.tables import LEDGER_PART, MASKS
from cutouts.steps.ledger import Joined, labelled
from cutouts.steps.verify.table_sets import TableSet, part_of, readable_record

_NAMES = ("uri", "sha256", "matte_digest", "render_digest", "mask", "cutout")
PLANNED = pa.schema([*(MASKS.field(name) for name in _NAMES), pa.field("plan_id", pa.string())])
"""What a check needs to know of each mask, and the plan that made it."""


def masks_of(tables: Store, one: TableSet) -> pa.Table:
    """The masks of a part of the ledger, in the columns of `PLANNED`."""
    names = PLANNED.names[:-1]
    rows = read_table(tables, one.members[0], [*names, LEDGER_PART.name] if one.record else names)
    rows = rows if one.record else labelled(rows, part_of(one))
    plan = pc.replace_substring_regex(rows.column(LEDGER_PART.name), "-.*", "")
    return rows.select(names).append_column("plan_id", plan).cast(PLANNED)


def held_parts(tables: Store, one: TableSet) -> set[str]:
    """The single parts that a part of the ledger holds, as far as they can be read."""
    if one.record is None:
        return {part_of(one)}
    record = readable_record(tables, one.record, Joined)
    return set(record.parts) if record else _parts_in_rows(tables, one)[0]


def mended_record(tables: Store, one: TableSet) -> bool:
    """Write the record of a joined part again if its tables are undamaged. Returns whether they are."""
    assert one.record is not None
    try:
        for name in one.members:
            check_table(tables, name, whole=True)
    except DamagedError:
        return False
    parts, images = _parts_in_rows(tables, one)
    write_record(tables, one.record, Joined(parts=tuple(sorted(parts)), images=images))
    return True


def _parts_in_rows(tables: Store, one: TableSet) -> tuple[set[str], int]:
    """For a joined part: the single parts that its rows come from, and its number of images."""
    found: set[str] = set()
    images = 0
    for name in one.members:
        if not name.endswith("/metrics.parquet"):
            try:
                column = read_table(tables, name, [LEDGER_PART.name]).column(0)
            except DamagedError:
                continue
            found |= set(pc.unique(column).to_pylist())
            images += len(column)
    return found, images
