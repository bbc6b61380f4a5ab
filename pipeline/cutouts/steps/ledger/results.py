"""The results of a set of images, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from cutouts.schemas.tables import MASKS, METRICS, REJECTIONS

SCHEMAS = {"masks": MASKS, "metrics": METRICS, "rejections": REJECTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of a set of images, as the tables MASKS, METRICS and REJECTIONS of `cutouts.schemas.tables`."""

    masks: pa.Table
    metrics: pa.Table
    rejections: pa.Table

    @property
    def images(self) -> int:
        """The number of images in these results."""
        return int(self.masks.num_rows + self.rejections.num_rows)


def concat(parts: Sequence[Results]) -> Results:
    """Join several results into one."""
    return Results(**{name: pa.concat_tables([getattr(part, name) for part in parts]) for name in SCHEMAS})


def nothing() -> Results:
    """Empty results."""
    return Results(**{name: schema.empty_table() for name, schema in SCHEMAS.items()})
