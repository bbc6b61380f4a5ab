"""Missing and additional parts and closed holes, on planes small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.pixels import Floats
from cutouts.metrics import largest_missing_part, lost_area, opened_holes, taken_along_area


def _box(top: int, left: int, bottom: int, right: int) -> Floats:
    """100 × 100 zeros with one box of ones."""
    plane = np.zeros((100, 100), np.float32)
    plane[top:bottom, left:right] = 1.0
    return plane


SHOE = _box(20, 20, 80, 80)
"""60 × 60 pixels."""
SOLE = _box(70, 20, 80, 80)
"""The lower sixth of the shoe."""


def test_a_missing_sole_is_a_sixth_of_the_shoe() -> None:
    """This holds for the area and for the largest part, and nothing is added."""
    matte = SHOE - SOLE
    assert lost_area(matte, SHOE) == pytest.approx(1 / 6)
    assert largest_missing_part(matte, SHOE) == pytest.approx(1 / 6)
    assert taken_along_area(matte, SHOE) == 0.0


def test_a_half_transparent_sole_is_half_lost() -> None:
    """The area counts alpha; a part is missing only if less than half of it is there."""
    assert lost_area(SHOE - 0.5 * SOLE, SHOE) == pytest.approx(1 / 12)
    assert largest_missing_part(SHOE - 0.5 * SOLE, SHOE) == 0.0


def test_additional_parts_are_a_share_of_the_matte() -> None:
    """An orange has 400 pixels beside 3600 of a shirt."""
    orange = _box(0, 0, 20, 20)
    assert taken_along_area(SHOE + orange, SHOE) == pytest.approx(0.1)
    assert lost_area(SHOE + orange, SHOE) == 0.0


def test_a_missing_rim_counts_as_area_and_not_as_a_part() -> None:
    """Two pixels less on every side are an inaccurate edge."""
    matte = _box(22, 22, 78, 78)
    assert lost_area(matte, SHOE) == pytest.approx(1 - 56**2 / 60**2)
    assert largest_missing_part(matte, SHOE) == 0.0


def test_a_rim_does_not_join_two_parts() -> None:
    """If two lenses are missing, the larger one counts."""
    matte = _box(21, 21, 79, 79) - _box(30, 25, 40, 35) - _box(30, 50, 45, 65)
    assert largest_missing_part(matte, SHOE) == pytest.approx(225 / 3600)


def test_a_hole_that_the_matte_covers_is_closed() -> None:
    """A ring with two holes of 400 pixels: one is open, one half covered; the ground around the ring is not a hole."""
    ring = SHOE - _box(25, 25, 45, 45) - _box(50, 50, 70, 70)
    assert opened_holes(ring, ring) == 1.0
    assert opened_holes(SHOE, ring) == 0.0
    assert opened_holes(ring + _box(25, 25, 45, 45) * 0.5, ring) == pytest.approx(0.75)


def test_a_product_without_a_hole_has_no_share() -> None:
    """A bay that reaches the ground outside, one at the frame, and a slit of two pixels are not holes."""
    bay = SHOE - _box(40, 60, 60, 80)
    at_the_frame = _box(0, 0, 60, 60) - _box(0, 20, 20, 40)
    slit = SHOE - _box(40, 30, 42, 70)
    assert [opened_holes(one, one) for one in (SHOE, bay, at_the_frame, slit, np.zeros_like(SHOE))] == [None] * 5


@pytest.mark.parametrize("metric", [lost_area, largest_missing_part])
def test_without_a_product_nothing_is_lost(metric: object) -> None:
    """This holds for every matte."""
    assert callable(metric)
    assert metric(SHOE, np.zeros_like(SHOE)) == 0.0
    assert metric(np.zeros_like(SHOE), SHOE) == pytest.approx(1.0)


def test_the_whole_matte_of_an_empty_scene_is_additional() -> None:
    """For an empty matte nothing is."""
    nothing = np.zeros_like(SHOE)
    assert taken_along_area(SHOE, nothing) == 1.0
    assert taken_along_area(nothing, nothing) == 0.0
    assert taken_along_area(nothing, SHOE) == 0.0


@pytest.mark.parametrize("metric", [lost_area, taken_along_area, largest_missing_part, opened_holes])
@pytest.mark.parametrize(("one", "other"), [((4, 4), (4, 5)), ((4, 4, 1), (4, 4, 1)), ((0, 4), (0, 4))])
def test_unsuitable_planes_are_refused(metric: object, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Different shapes, a third axis or no pixels raise."""
    assert callable(metric)
    with pytest.raises(ValueError, match="shape"):
        metric(np.zeros(one, np.float32), np.zeros(other, np.float32))
