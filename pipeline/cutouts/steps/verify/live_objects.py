"""Checks the objects of a delivery at the end of a run, so that a lost one is noticed although nothing is cut."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.decisions import LIVE
from cutouts.core.table_paths import gate_file
from cutouts.steps.verify.objects import require_sound_objects

SAMPLE = 2_000
"""The largest number of objects that are checked per delivery: about 2 s on S3, whatever the delivery's size."""

_OBJECTS = ("mask", "cutout")


def require_live_objects(site: Site, gate_id: str) -> None:
    """Raise DamagedError if a mask or cutout that this decision made or kept live is missing or truncated.

    Of a large delivery, a random sample of `SAMPLE` objects is checked, another one each time.
    """
    outcomes = read_table(open_store(site.tables_url), gate_file(gate_id, "outcomes.parquet"), ["outcome", *_OBJECTS])
    live = outcomes.filter(pc.is_in(outcomes.column("outcome"), value_set=pa.array(LIVE)))
    at = random.Random().sample(range(2 * live.num_rows), min(SAMPLE, 2 * live.num_rows))
    both = pa.chunked_array([chunk for name in _OBJECTS for chunk in live.column(name).chunks], pa.string())
    require_sound_objects(
        open_store(site.objects_url), pc.unique(both.take(pa.array(at, pa.int64()))).drop_null().to_pylist()
    )
