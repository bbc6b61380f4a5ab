"""Two contenders on the same images: p-values match published tables, and the interval has its stated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cutouts.core.pixels import Doubles
from cutouts.evaluation.paired_tests import interval, paired, signed_rank


@pytest.mark.parametrize(("n", "critical"), [(6, 0), (8, 3), (10, 8), (20, 52), (25, 89)])
def test_few_pairs_are_tested_exactly(n: int, critical: int) -> None:
    """By the published two-sided 5 % points a rank sum of `critical` is significant and one more is not."""
    for total, significant in ((critical, True), (critical + 1, False)):
        assert (signed_rank(_with_negative_ranks(n, total)) <= 0.05) is significant


def _with_negative_ranks(n: int, total: int) -> Doubles:
    """Differences 1…n, of which those with ranks that add up to `total` are negative."""
    signs, left = np.ones(n), total
    for rank in range(n, 0, -1):
        if rank <= left:
            signs[rank - 1], left = -1, left - rank
    return np.asarray(signs * np.arange(1, n + 1), np.float64)


def test_many_pairs_are_tested_by_the_normal_approximation() -> None:
    """Of 400 equal differences 220 are positive, so z is 40 over the square root of 400."""
    differences = np.where(np.arange(400) < 220, 1.0, -1.0)
    assert signed_rank(differences) == pytest.approx(math.erfc(2 / math.sqrt(2)), rel=1e-6)


def test_ties_among_few_pairs_are_tested_exactly() -> None:
    """Three equal differences of one sign are one way in eight on either side."""
    assert signed_rank(np.array([0.5, 0.5, 0.5])) == pytest.approx(0.25)
    assert signed_rank(np.array([0.5, 0.5, -0.5])) == 1.0


def test_no_difference_is_no_evidence() -> None:
    """There is nothing to rank."""
    assert signed_rank(np.zeros(9)) == 1.0


def test_the_interval_is_reproducible_and_correct() -> None:
    """The seed is fixed, and with many images it is close to mean ± 1.96 standard errors."""
    differences = np.random.default_rng(3).normal(0.2, 1, (400, 2))
    (low, high), again = interval(differences), interval(differences)
    np.testing.assert_array_equal((low, high), again)
    error = 1.96 * differences.std(0) / 20
    np.testing.assert_allclose(low, differences.mean(0) - error, atol=0.01)
    np.testing.assert_allclose(high, differences.mean(0) + error, atol=0.01)


def test_images_are_counted_by_the_better_contender() -> None:
    """Smaller is better for an error and larger for all other metrics."""
    first, second = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]), np.array([[0.1, 0.8], [0.1, 0.9], [0.2, 0.9]])
    error, share = paired(("mae", "iou"), first, second, frozenset({"mae"}))
    assert (error.first_better, error.second_better, error.same) == (0, 2, 1)
    assert (share.first_better, share.second_better, share.same) == (1, 2, 0)
    assert (error.first, error.second) == pytest.approx((0.2, 0.4 / 3))
    assert error.low <= error.second - error.first <= error.high


@pytest.mark.parametrize("shape", [(0, 2), (3, 2)])
def test_unpaired_images_are_refused(shape: tuple[int, int]) -> None:
    """There is no image, or the images differ."""
    with pytest.raises(ValueError, match="pairs are needed"):
        paired(("mae", "iou"), np.zeros(shape), np.zeros((0, 2)), frozenset())
