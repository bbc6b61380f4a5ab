"""Samples of two deliveries compared, and SciPy's test as the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from cutouts.core.drift import MEASUREMENTS, drift, measured
from cutouts.core.pixels import Doubles


def masks(category: str | None, values: Doubles) -> pa.Table:
    """Masks of a category, whose measurements all have these values."""
    columns = {name: pa.array(values) for name in MEASUREMENTS}
    return pa.table({"category": pa.array([category] * len(values), pa.string()), **columns})


def compared(new: pa.Table, old: pa.Table) -> list[dict[str, Any]]:
    """The rows of the comparison of two deliveries."""
    found: list[dict[str, Any]] = drift(measured(new).samples, measured(old).samples).to_pylist()
    return found


def test_distance_and_p_value_are_those_of_kolmogorov_and_smirnov() -> None:
    """SciPy's asymptotic test of the same samples agrees."""
    rng = np.random.default_rng(0)
    new, old = rng.normal(0.2, 1, 300), rng.normal(0, 1, 900)
    (row, *_) = compared(masks("shoe", new), masks("shoe", old))
    known = ks_2samp(new, old)
    assert row["distance"] == pytest.approx(known.statistic)
    assert row["p_value"] == pytest.approx(known.pvalue, abs=2e-3)
    assert (row["images"], row["accepted"]) == (300, 900)


def test_a_difference_is_certain_only_with_enough_masks() -> None:
    """The lower bound is 0 for few masks, near the distance for many, and 0 for equal sources."""
    for count, least, most in ((5, 0.0, 0.0), (20_000, 0.33, 0.39)):
        values = np.linspace(-2, 2, count)
        (row, *_) = compared(masks(None, values + 1.5), masks(None, values))
        assert least <= row["distance_at_least"] <= most
    rng = np.random.default_rng(1)
    (row, *_) = compared(masks(None, rng.random(5_000)), masks(None, rng.random(5_000)))
    assert row["distance_at_least"] == 0


def test_categories_are_compared_with_themselves_only() -> None:
    """A category that no accepted delivery has is not compared, nor is a measurement that is unknown."""
    new = pa.concat_tables([masks("shoe", np.zeros(9)), masks("hat", np.zeros(9)), masks(None, np.zeros(9))])
    old = pa.concat_tables([masks("shoe", np.ones(9)), masks(None, np.zeros(9))])
    rows = compared(new, old)
    assert {(row["category"], row["distance"]) for row in rows} == {("shoe", 1.0), (None, 0.0)}
    assert compared(masks("shoe", np.full(9, np.nan)), old) == []


def test_a_kept_sample_is_evenly_spread() -> None:
    """Its distribution is that of all values."""
    (kept,) = measured(masks("shoe", np.linspace(0, 1, 10_001)), 500).samples
    assert len(kept.values["coverage"]) == 500
    assert (
        compared(masks("shoe", np.linspace(0, 1, 10_001)), masks("shoe", np.asarray(kept.values["coverage"])))[0][
            "distance"
        ]
        < 0.01
    )
