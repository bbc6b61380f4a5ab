"""Two contenders on the same images: SciPy is the oracle of the test, and the interval holds what it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from cutouts.evaluation.paired_tests import EXACT, interval, paired, signed_rank


@pytest.mark.parametrize("count", [1, 2, 5, 12, EXACT])
def test_few_pairs_are_tested_exactly(count: int) -> None:
    """Without ties, SciPy's exact test says the same."""
    differences = np.random.default_rng(count).normal(0.3, 1, count)
    assert signed_rank(differences) == pytest.approx(wilcoxon(differences, method="exact").pvalue, rel=1e-9)


@pytest.mark.parametrize("steps", [2, 7, 1000])
def test_many_pairs_are_tested_by_the_normal_approximation(steps: int) -> None:
    """Ties and pairs without a difference included."""
    rng = np.random.default_rng(steps)
    differences = np.round(rng.normal(0.1, 1, 300) * steps) / steps
    expected = wilcoxon(differences, zero_method="wilcox", method="asymptotic", correction=False).pvalue
    assert signed_rank(differences) == pytest.approx(expected, rel=1e-9)


def test_ties_among_few_pairs_are_counted_out() -> None:
    """Three equal differences of one sign: one way in eight on either side."""
    assert signed_rank(np.array([0.5, 0.5, 0.5])) == pytest.approx(0.25)
    assert signed_rank(np.array([0.5, 0.5, -0.5])) == 1.0


def test_no_difference_is_no_evidence() -> None:
    """Nothing to rank."""
    assert signed_rank(np.zeros(9)) == 1.0


def test_the_interval_is_the_same_every_time_and_holds_what_it_says() -> None:
    """A fixed seed; close to mean ± 1.96 standard errors where there are many images."""
    differences = np.random.default_rng(3).normal(0.2, 1, (400, 2))
    (low, high), again = interval(differences), interval(differences)
    np.testing.assert_array_equal((low, high), again)
    error = 1.96 * differences.std(0) / 20
    np.testing.assert_allclose(low, differences.mean(0) - error, atol=0.01)
    np.testing.assert_allclose(high, differences.mean(0) + error, atol=0.01)


def test_images_are_counted_by_who_is_better() -> None:
    """Smaller is better for an error, larger for everything else."""
    first, second = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]), np.array([[0.1, 0.8], [0.1, 0.9], [0.2, 0.9]])
    error, share = paired(("mae", "iou"), first, second, frozenset({"mae"}))
    assert (error.first_better, error.second_better, error.same) == (0, 2, 1)
    assert (share.first_better, share.second_better, share.same) == (1, 2, 0)
    assert (error.first, error.second) == pytest.approx((0.2, 0.4 / 3))
    assert error.low <= error.second - error.first <= error.high


@pytest.mark.parametrize("shape", [(0, 2), (3, 2)])
def test_what_is_no_pair_is_refused(shape: tuple[int, int]) -> None:
    """No image, or not the same ones."""
    with pytest.raises(ValueError, match="pairs are needed"):
        paired(("mae", "iou"), np.zeros(shape), np.zeros((0, 2)), frozenset())
