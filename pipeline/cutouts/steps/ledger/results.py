"""What was made of some images, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cutouts.schemas.tables import MASKS, METRICS, REJECTIONS

SCHEMAS = {"masks": MASKS, "metrics": METRICS, "rejections": REJECTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What was made of some images, as tables of `cutouts.schemas.tables` MASKS, METRICS and REJECTIONS."""

    masks: pa.Table
    metrics: pa.Table
    rejections: pa.Table

    @property
    def images(self) -> int:
        """Images that these results account for."""
        return int(self.masks.num_rows + self.rejections.num_rows)


def concat(parts: Sequence[Results]) -> Results:
    """Several results as one."""
    return Results(**{name: pa.concat_tables([getattr(part, name) for part in parts]) for name in SCHEMAS})


def nothing() -> Results:
    """Results of no image."""
    return Results(**{name: schema.empty_table() for name, schema in SCHEMAS.items()})
