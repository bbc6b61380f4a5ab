"""Mask measurements that the tests judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa

from cutouts.adapters import quality
from cutouts.core.gate import Judgement
from cutouts.schemas.tables import METRICS

SOUND = {
    "sha256": "0" * 64,
    "matte_digest": "m",
    "render_digest": "r",
    "saliency_peak": 0.99,
    "saliency_mean": 0.2,
    "coverage": 0.3,
    "soft_inside": 0.01,
    "components": 1,
    "frame_contact": 0.0,
    "edge_alignment": 0.9,
    "fringe": 2.0,
    "saliency_doubt": 0.01,
    "matte_doubt": 0.01,
    "worst_doubt": 0.3,
    "islands": 0.0,
    "thin": 0.2,
    "p_bad": 0.02,
}
Raw: TypeAlias = dict[str, Any]
Load: TypeAlias = Callable[[Callable[[Raw], object]], quality.Suite]


def metrics(*images: dict[str, object]) -> pa.Table:
    """One sound mask per entry, changed as the entry says; named a, b, c and so on."""
    rows = [SOUND | {"image_id": chr(ord("a") + place)} | image for place, image in enumerate(images)]
    schema = METRICS.append(pa.field("p_bad", pa.float32())).append(pa.field("category", pa.string()))
    return pa.Table.from_pylist(rows, schema=schema)


def judged(
    suite: quality.Suite,
    *images: dict[str, object],
    rejected: tuple[str, ...] = (),
    drift: pa.Table = quality.NO_DRIFT,
) -> Judgement:
    """The suite's outcome for these masks and rejections."""
    without = dict.fromkeys(rejected)
    count = len(images) + len(rejected)
    return quality.judge(suite, metrics(*images), images=count, rejected=without, drift=drift)


def entry(raw: Raw, action: str, column: str | None) -> Raw:
    """The first expectation of a suite with this action and column."""
    found: Raw = next(
        one for one in raw["expectations"] if one["meta"]["action"] == action and one["kwargs"].get("column") == column
    )
    return found
