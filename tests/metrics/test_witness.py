"""How well a probability separates bad masks from good ones, on examples that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.metrics.witness import area_under_curve, area_under_risk_coverage, calibration_error, caught

BAD = np.array([False, False, True, True])


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    """There are four pairs of a good and a bad mask, and ties count half."""
    assert area_under_curve(BAD, np.array([0.1, 0.2, 0.3, 0.4])) == 1
    assert area_under_curve(BAD, np.array([0.4, 0.3, 0.2, 0.1])) == 0
    assert area_under_curve(BAD, np.array([0.1, 0.3, 0.2, 0.4])) == 0.75
    assert area_under_curve(BAD, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5


def test_bad_masks_above_the_threshold_of_good_ones_are_caught() -> None:
    """Of a hundred good masks five are above the threshold."""
    good, bad = np.linspace(0, 1, 101), np.array([0.90, 0.96, 0.97, 0.99])
    flags = np.arange(105) >= 101
    assert caught(flags, np.concatenate([good, bad])) == 0.75


def test_the_calibration_error_is_the_mean_difference_from_the_observed_share() -> None:
    """A probability of 0.25 is right for one bad mask of four, and a quarter off for two."""
    said = np.full(4, 0.25)
    assert calibration_error(np.array([True, False, False, False]), said) == pytest.approx(0)
    assert calibration_error(BAD, said) == pytest.approx(0.25)
    assert calibration_error(BAD, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0)


def test_the_risk_is_averaged_over_all_shares_that_could_be_kept() -> None:
    """Of the surest 1, 2, 3 and 4 masks, 0, 0, 1/3 and 1/2 are bad; without any order it is the share of bad masks."""
    assert area_under_risk_coverage(BAD, np.array([0.1, 0.2, 0.3, 0.4])) == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert area_under_risk_coverage(BAD, np.full(4, 0.5)) == pytest.approx(0.5)
