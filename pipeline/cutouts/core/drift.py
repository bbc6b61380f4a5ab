"""How much measurements of a delivery differ from those of accepted deliveries: the Kolmogorov-Smirnov distance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.confidence import CONFIDENCE
from cutouts.core.pixels import Doubles

MEASUREMENTS = ("p_bad", "coverage", "saliency_doubt", "edge_alignment", "fringe", "frame_contact")
"""What is compared."""
_TERMS = 100

DRIFT = pa.schema([
    pa.field("category", pa.string()),
    pa.field("measurement", pa.string()),
    pa.field("images", pa.int64()),
    pa.field("accepted", pa.int64()),
    pa.field("distance", pa.float64()),
    pa.field("distance_at_least", pa.float64()),
    pa.field("p_value", pa.float64()),
])  # fmt: skip
"""One row per category and measurement: the numbers of masks of this delivery and of accepted ones, the largest
difference of their distribution functions (0…1), its lower bound with 95 % confidence, and the probability of so large
a difference if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSample:
    """Measurements of masks of one category (None: without one), by name and sorted, without saying whose they are."""

    category: str | None
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDelivery:
    """What is kept of a delivery to compare later ones with."""

    samples: tuple[MeasuredSample, ...]


def measured(masks: pa.Table, at_most: int | None = None) -> MeasuredDelivery:
    """The measurements of `masks`, which has `category` and `MEASUREMENTS`; of each `at_most` values, evenly spread."""
    groups = sorted(pc.unique(masks.column("category")).to_pylist(), key=str)
    return MeasuredDelivery(samples=tuple(_sample(masks, category, at_most) for category in groups))


def drift(samples: Iterable[MeasuredSample], accepted: Sequence[MeasuredSample]) -> pa.Table:
    """`DRIFT` of the samples of a delivery against `accepted` ones. Categories and measurements that are not in both
    have no row."""
    rows = []
    for one in samples:
        earlier = [other for other in accepted if other.category == one.category]
        for name, values in one.values.items():
            before = [value for other in earlier for value in other.values.get(name, ())]
            if values and before:
                compared = _compared(np.asarray(values), np.asarray(before))
                rows.append({"category": one.category, "measurement": name, **compared})
    return pa.Table.from_pylist(rows, schema=DRIFT)


def _compared(new: Doubles, old: Doubles) -> dict[str, object]:
    distance = _distance(new, old)
    size = len(new) * len(old) / (len(new) + len(old))
    return {
        "images": len(new),
        "accepted": len(old),
        "distance": distance,
        "distance_at_least": max(0.0, distance - math.sqrt(-math.log((1 - CONFIDENCE) / 2) / 2 / size)),
        "p_value": _p_value(distance * math.sqrt(size)),
    }


def _distance(new: Doubles, old: Doubles) -> float:
    """The largest difference of the two empirical distribution functions."""
    values = np.concatenate([new, old])
    first, second = (np.searchsorted(np.sort(one), values, side="right") / len(one) for one in (new, old))
    return float(np.abs(first - second).max())


def _p_value(scaled: float) -> float:
    """The limit of the distribution of the scaled distance between samples of one source (Kolmogorov 1933)."""
    if scaled < 0.2:
        return 1.0
    place = np.arange(1, _TERMS + 1)
    return float(np.clip(2 * np.sum((-1.0) ** (place - 1) * np.exp(-2 * (place * scaled) ** 2)), 0, 1))


def _sample(masks: pa.Table, category: str | None, at_most: int | None) -> MeasuredSample:
    column = masks.column("category")
    its = masks.filter(pc.is_null(column) if category is None else pc.equal(column, category))
    columns = {name: np.asarray(its.column(name).to_numpy(), np.float64) for name in MEASUREMENTS}
    return MeasuredSample(category=category, values={name: _spread(some, at_most) for name, some in columns.items()})


def _spread(values: Doubles, at_most: int | None) -> tuple[float, ...]:
    found = np.sort(values[np.isfinite(values)])
    if at_most is not None and len(found) > at_most:
        found = found[np.linspace(0, len(found) - 1, at_most).astype(np.int64)]
    return tuple(found.tolist())
