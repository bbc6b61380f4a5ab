"""The metrics of a matte and its truth, on planes small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts import metrics
from cutouts.core.pixels import Floats

METRICS = [
    metrics.mean_absolute_error,
    metrics.intersection_over_union,
    metrics.boundary_iou,
    metrics.precision_recall_f1,
    metrics.curves,
    metrics.structure_measure,
    metrics.weighted_f_measure,
    metrics.sum_of_absolute_differences,
    metrics.mean_squared_error,
    metrics.gradient_error,
    metrics.connectivity_error,
    metrics.judge,
]


def box(size: int, top: int, left: int, bottom: int, right: int) -> Floats:
    """A square plane of zeros with one box of ones, float32."""
    plane = np.zeros((size, size), np.float32)
    plane[top:bottom, left:right] = 1.0
    return plane


def test_a_matte_equal_to_its_truth_is_perfect() -> None:
    """Equal planes have no error, and every ratio is one."""
    plane = box(64, 10, 12, 40, 50)
    assert metrics.mean_absolute_error(plane, plane) == 0.0
    assert metrics.intersection_over_union(plane, plane) == 1.0
    assert metrics.boundary_iou(plane, plane) == 1.0
    assert metrics.precision_recall_f1(plane, plane) == (1.0, 1.0, 1.0)


def test_the_error_is_the_mean_over_all_pixels() -> None:
    """If a quarter of the plane is off by one half, it is one eighth."""
    matte = np.zeros((4, 4), np.float32)
    matte[:2, :2] = 0.5
    assert metrics.mean_absolute_error(matte, np.zeros((4, 4), np.float32)) == pytest.approx(0.125)


def test_half_of_a_box_is_half_of_the_union() -> None:
    """A matte with the left half of the box has IoU one half, precision one and recall one half."""
    whole, half = box(32, 8, 8, 24, 24), box(32, 8, 8, 24, 16)
    assert metrics.intersection_over_union(half, whole) == pytest.approx(0.5)
    assert metrics.precision_recall_f1(half, whole) == pytest.approx((1.0, 0.5, 2 / 3))


def test_the_threshold_is_one_half_inclusive() -> None:
    """A pixel of exactly one half counts as product in the matte and in the truth."""
    plane = np.full((3, 3), 0.5, np.float32)
    assert metrics.intersection_over_union(plane, np.ones((3, 3), np.float32)) == 1.0


def test_the_boundary_ignores_the_inside() -> None:
    """A large box moved by two pixels loses little area but much of its boundary (Cheng 2021)."""
    first, moved = box(200, 40, 40, 160, 160), box(200, 42, 42, 162, 162)
    assert metrics.intersection_over_union(moved, first) > 0.93
    assert metrics.boundary_iou(moved, first) < 0.6


def test_the_boundary_band_is_two_percent_of_the_diagonal_wide() -> None:
    """On a plane of diagonal 50 the band is one pixel, a ring inside the box."""
    whole = box(35, 5, 5, 15, 15)
    without_ring = box(35, 6, 6, 14, 14)
    ring, inner_ring = 100 - 64, 64 - 36
    assert metrics.boundary_iou(without_ring, whole) == 0.0
    only_ring = whole - without_ring
    assert metrics.boundary_iou(only_ring, whole) == pytest.approx(ring / ring)
    assert inner_ring == int((without_ring - box(35, 7, 7, 13, 13)).sum())


def test_the_frame_is_a_contour() -> None:
    """A product cut by the frame has a boundary there, as in the authors' code."""
    cut, short = box(100, 0, 30, 100, 70), box(100, 10, 30, 100, 70)
    assert metrics.boundary_iou(short, cut) < 1.0


def test_nothing_found_in_an_empty_scene_is_perfect() -> None:
    """An empty matte of an empty truth has IoU, precision, recall and F1 of one."""
    nothing = np.zeros((8, 8), np.float32)
    assert metrics.intersection_over_union(nothing, nothing) == 1.0
    assert metrics.boundary_iou(nothing, nothing) == 1.0
    assert metrics.precision_recall_f1(nothing, nothing) == (1.0, 1.0, 1.0)


def test_a_product_invented_in_an_empty_scene_is_worthless() -> None:
    """Any matte of an empty scene has IoU and F1 of zero."""
    nothing, something = np.zeros((8, 8), np.float32), box(8, 2, 2, 5, 5)
    assert metrics.intersection_over_union(something, nothing) == 0.0
    assert metrics.precision_recall_f1(something, nothing) == (0.0, 1.0, 0.0)
    assert metrics.precision_recall_f1(nothing, something) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("one", "other"), [((4, 4), (4, 5)), ((4, 4, 1), (4, 4, 1)), ((0, 4), (0, 4))])
def test_unsuitable_planes_are_refused(metric: object, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Different shapes, a third axis or no pixels raise."""
    assert callable(metric)
    with pytest.raises(ValueError, match="shape"):
        metric(np.zeros(one, np.float32), np.zeros(other, np.float32))
