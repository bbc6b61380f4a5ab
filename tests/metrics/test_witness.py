"""How well a probability tells bad masks from good ones, on answers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.metrics.witness import area_under_curve, calibration_error, caught

BAD = np.array([False, False, True, True])


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    """Of four pairs of a good and a bad mask; ties count half."""
    assert area_under_curve(BAD, np.array([0.1, 0.2, 0.3, 0.4])) == 1
    assert area_under_curve(BAD, np.array([0.4, 0.3, 0.2, 0.1])) == 0
    assert area_under_curve(BAD, np.array([0.1, 0.3, 0.2, 0.4])) == 0.75
    assert area_under_curve(BAD, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5


def test_caught_are_the_bad_masks_above_what_few_good_ones_exceed() -> None:
    """Of a hundred good ones five lie above the threshold."""
    good, bad = np.linspace(0, 1, 101), np.array([0.90, 0.96, 0.97, 0.99])
    flags = np.arange(105) >= 101
    assert caught(flags, np.concatenate([good, bad])) == 0.75


def test_the_calibration_error_is_how_far_off_what_was_said_is() -> None:
    """Said 0.25 of four masks of which one is bad: right; of which two are: a quarter off."""
    said = np.full(4, 0.25)
    assert calibration_error(np.array([True, False, False, False]), said) == pytest.approx(0)
    assert calibration_error(BAD, said) == pytest.approx(0.25)
    assert calibration_error(BAD, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0)
