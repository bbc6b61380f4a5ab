"""Which images are shown, and in what order: the worst first, then a sample of the rest. Pure Arrow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.decisions import Outcome
from cutouts.schemas.tables import METRICS

WORST, SAMPLED = 60, 40
"""Images on the contact sheet: so many of the worst, and so many drawn from all others."""
MEASURES = tuple(name for name in METRICS.names if METRICS.field(name).type != pa.string())
"""The columns of the metrics table that are numbers."""

IDENTITY = ("date", "delivery_id", "image_id")
"""What tells an image from every other one, also if the same ids are delivered on several days."""

_SEVERITY = {
    Outcome.QUARANTINED.value: 0,
    Outcome.HELD.value: 1,
    Outcome.PUBLISHED.value: 2,
    Outcome.SKIPPED.value: 2,
    Outcome.REJECTED.value: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSheet:
    """Rows of the images table on the contact sheet: `worst` in order, then `sample`; `left_out` are shown nowhere."""

    worst: tuple[int, ...]
    sample: tuple[int, ...]
    left_out: int


def with_metrics(images: pa.Table, metrics: pa.Table) -> pa.Table:
    """The images in their order with `MEASURES` (null where not measured), `row` and `doubt`; no reasons, no notes.

    `doubt` (0..1) is `p_bad` once the gate is calibrated; until then 1 minus the product of three confidences: how
    sure the network is where it is surest, how much of the inside is solid, and half of what lies on no image edge.
    """
    keys = [name for name in IDENTITY if name in metrics.schema.names]
    rows = pa.array(np.arange(images.num_rows), pa.int64())
    left = images.drop_columns(["reasons", "notes"]).append_column("row", rows)
    measured = metrics.select([*keys, *MEASURES])
    joined = left.join(measured, keys=keys, join_type="left outer").sort_by("row")
    return joined.append_column("doubt", _doubt(joined))


def _doubt(joined: pa.Table) -> pa.Array:
    peak, soft = joined["saliency_peak"], joined["soft_inside"]
    solid = pc.subtract(1.0, pc.cast(soft, pa.float64()))
    on_edge = pc.divide(pc.add(1.0, pc.cast(joined["edge_alignment"], pa.float64())), 2.0)
    sure = pc.multiply(pc.multiply(pc.cast(peak, pa.float64()), solid), on_edge)
    return pc.coalesce(pc.cast(joined["p_bad"], pa.float64()), pc.subtract(1.0, sure), 0.0)


def worst_first(images: pa.Table, measured: pa.Table) -> NDArray[np.int64]:
    """Rows of `images` in the order in which a person should look; `measured` is theirs from `with_metrics`.

    Quarantined, then held, then the rest, rejected ones last; within each those with more reasons first (a held image
    that fails by itself before one that only shares its delivery's fate), then the most doubtful.
    """
    severity = np.array([_SEVERITY[name] for name in images["outcome"].to_pylist()], np.int64)
    reasons = np.asarray(pc.list_value_length(images["reasons"]).to_numpy(zero_copy_only=False))
    doubt = np.asarray(measured["doubt"].to_numpy(zero_copy_only=False))
    return np.lexsort((np.arange(len(severity)), -doubt, -reasons, severity)).astype(np.int64)


def choose(order: NDArray[np.int64], images: pa.Table, *, worst: int = WORST, sampled: int = SAMPLED) -> ContactSheet:
    """The contact sheet: the first of `order`, and a sample of the others, the same for the same images.

    Rejected images have no picture and no place on it.
    """
    rejected = pc.equal(images["outcome"], Outcome.REJECTED).to_numpy(zero_copy_only=False)
    shown = order[~rejected[order]]
    head, rest = shown[:worst], shown[worst:]
    keys = images.select(IDENTITY).take(pa.array(rest)).to_pylist()
    drawn = sorted(range(len(rest)), key=lambda place: _lot(*keys[place].values()))[:sampled]
    sample = tuple(int(rest[place]) for place in sorted(drawn))
    return ContactSheet(worst=tuple(map(int, head)), sample=sample, left_out=len(shown) - len(head) - len(sample))


def _lot(*identity: object) -> bytes:
    return hashlib.blake2b(repr(identity).encode("utf-8", "surrogatepass"), digest_size=8).digest()
