"""The frames about a delivery as a whole that rules judge, made of what is known of its images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.confidence import CONFIDENCE, upper_bound

_COUNTS = pa.schema([
    pa.field("category", pa.string()),
    pa.field("images", pa.int64()),
    pa.field("bad", pa.int64()),
    pa.field("rejected", pa.int64()),
    pa.field("bad_at_most", pa.float64()),
    pa.field("rejected_at_most", pa.float64()),
])  # fmt: skip


def delivery_frame(metrics: pa.Table, bad: NDArray[np.int64], rejected: Mapping[str, str | None]) -> pa.Table:
    """One row per image: its category, and 1 or 0 for `bad` and `rejected`; the rejected ones come last and are bad."""
    none = pa.nulls(metrics.num_rows, pa.string())
    category = metrics.column("category").combine_chunks() if "category" in metrics.column_names else none
    ones = np.ones(len(rejected), np.int64)
    return pa.table({
        "category": pa.concat_arrays([category, pa.array(list(rejected.values()), pa.string())]),
        "bad": np.concatenate([bad, ones]),
        "rejected": np.concatenate([np.zeros_like(bad), ones]),
    })  # fmt: skip


def counts_frame(delivery: pa.Table) -> pa.Table:
    """A row for the whole delivery, whose category is null, and one for each category: how many images are bad and
    rejected, and the upper bounds, with 95 % confidence, on the shares that these counts come from."""
    return pa.Table.from_pylist(list(_counts(delivery)), schema=_COUNTS)


def _counts(delivery: pa.Table) -> Iterator[dict[str, object]]:
    yield _row(None, delivery.num_rows, *(pc.sum(delivery.column(name)).as_py() for name in ("bad", "rejected")))
    sums = [("bad", "count"), ("bad", "sum"), ("rejected", "sum")]
    for row in delivery.group_by("category").aggregate(sums).sort_by("category").to_pylist():
        if row["category"] is not None:
            yield _row(row["category"], row["bad_count"], row["bad_sum"], row["rejected_sum"])


def _row(category: str | None, images: int, bad: int, rejected: int) -> dict[str, object]:
    return {
        "category": category,
        "images": images,
        "bad": bad,
        "rejected": rejected,
        "bad_at_most": upper_bound(bad, images, CONFIDENCE),
        "rejected_at_most": upper_bound(rejected, images, CONFIDENCE),
    }
