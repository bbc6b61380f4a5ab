"""The doubt about each pixel of a matte, without a known matte."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.matting.doubt_map import doubt_map, doubtful_places
from cutouts.core.pixels import Bytes


def _disc(radius: int = 60, size: int = 200) -> Bytes:
    """A disc with a soft edge of two pixels, uint8 H×W."""
    matte = np.zeros((size, size), np.uint8)
    cv2.circle(matte, (size // 2, size // 2), radius, 255, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(matte, (0, 0), 0.7), np.uint8)


def _photograph(matte: Bytes) -> Bytes:
    """A dark product on a light ground, with its edge where the matte has it."""
    return np.asarray(230 - 200 * (matte[..., None] / 255.0) * np.ones(3), np.uint8)


def test_a_clean_matte_on_a_clear_edge_is_not_doubted() -> None:
    """A natural edge is soft, and no reason to doubt."""
    matte = _disc()
    assert doubt_map(matte, _photograph(matte)).max() < 0.1


def test_a_half_transparent_inside_is_doubted() -> None:
    """The doubt is where the matte is soft and no edge is near."""
    matte = _disc()
    matte[90:110, 90:110] = 128
    doubt = doubt_map(matte)
    assert doubt[100, 100] > 0.9
    assert doubt[20, 20] == 0


def test_a_contour_without_an_edge_in_the_photograph_is_doubted() -> None:
    """If the sole of a shoe is cut off, the contour crosses the product, where the photograph does not change."""
    matte = _disc()
    photograph = _photograph(matte)
    matte[120:] = 0
    doubt = doubt_map(matte, photograph)
    assert doubt[119, 100] > 0.9
    assert doubt[42, 100] < 0.1


def test_a_small_part_apart_is_doubted_and_one_of_a_pair_is_not() -> None:
    """The doubt falls with the size of the part."""
    matte = np.zeros((200, 400), np.uint8)
    cv2.circle(matte, (100, 100), 60, 255, -1)
    cv2.circle(matte, (250, 100), 58, 255, -1)
    cv2.circle(matte, (370, 30), 4, 255, -1)
    doubt = doubt_map(matte)
    assert doubt[30, 370] > 0.7
    assert doubt[100, 250] < 0.1
    assert doubt[100, 100] == 0


@pytest.mark.parametrize("level", [0, 128, 255])
def test_every_matte_has_a_finite_doubt(level: int) -> None:
    """Also if it is empty, full, half transparent everywhere, or one pixel."""
    for shape in ((1, 1), (3, 500), (64, 64)):
        matte = np.full(shape, level, np.uint8)
        doubt = doubt_map(matte, np.zeros((*shape, 3), np.uint8))
        assert doubt.shape == shape
        assert np.isfinite(doubt).all()
        assert 0 <= doubt.min() <= doubt.max() <= 1
        for x, y in doubtful_places(doubt, matte, side=8, at_most=3):
            assert 0 <= x < shape[1] and 0 <= y < shape[0]  # noqa: PT018 -- one place


def test_the_places_to_look_at_are_on_the_doubtful_edge() -> None:
    """The first window contains the cut, and no two windows overlap."""
    matte = _disc()
    photograph = _photograph(matte)
    matte[120:] = 0
    places = doubtful_places(doubt_map(matte, photograph), matte, side=40, at_most=3)
    assert places[0][1] <= 119 < places[0][1] + 40
    assert all(abs(a[0] - b[0]) >= 20 or abs(a[1] - b[1]) >= 20 for a in places for b in places if a is not b)
    assert len(places) >= 2
