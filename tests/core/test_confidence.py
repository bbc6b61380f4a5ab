"""Exact bounds on a share, compared with SciPy's beta distribution."""

from __future__ import annotations

import pytest
from scipy.stats import beta, binom

from cutouts.core.confidence import at_most, fewest, lower_bound, upper_bound

CASES = [(0, 1), (0, 300), (1, 20), (3, 20), (20, 20), (600, 20_000), (300_000, 1_000_000)]


@pytest.mark.parametrize(("found", "count"), CASES)
def test_the_bounds_are_those_of_clopper_and_pearson(found: int, count: int) -> None:
    """They are quantiles of beta distributions, for a handful and for a million."""
    upper = 1.0 if found == count else beta.ppf(0.95, found + 1, count - found)
    lower = 0.0 if found == 0 else beta.ppf(0.05, found, count - found + 1)
    assert upper_bound(found, count, 0.95) == pytest.approx(upper, rel=1e-6)
    assert lower_bound(found, count, 0.95) == pytest.approx(lower, rel=1e-6)


@pytest.mark.parametrize(("found", "count", "share"), [(0, 299, 0.01), (5, 20, 0.3), (200, 20_000, 0.01), (9, 9, 0.5)])
def test_the_probability_of_few_is_the_binomial_one(found: int, count: int, share: float) -> None:
    """It is summed without overflow."""
    assert at_most(found, count, share) == pytest.approx(binom.cdf(found, count, share), rel=1e-9)


def test_one_percent_needs_299_without_a_bad_one() -> None:
    """298 would be too few for 95 % confidence."""
    assert fewest(0.01, 0.95) == 299
    assert upper_bound(0, 299, 0.95) <= 0.01 < upper_bound(0, 298, 0.95)
