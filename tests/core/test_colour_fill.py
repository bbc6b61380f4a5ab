"""Colours spread to unknown pixels, and the nearest ones dominate."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.colour_fill import spread
from cutouts.core.pixels import Floats


def known_at(*pixels: tuple[int, int, tuple[int, int, int]], size: int = 64) -> tuple[Floats, Floats]:
    """Colours known at single pixels: row, column, colour."""
    colour, known = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    for row, column, value in pixels:
        colour[row, column], known[row, column] = value, 1
    return colour, known


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_one_colour_fills_everything(size: int) -> None:
    """A single known pixel gives its colour to all others."""
    filled = spread(*known_at((0, 0, (200, 100, 50)), size=size))[..., :3]
    np.testing.assert_allclose(filled, np.full((size, size, 3), (200, 100, 50), np.float32), rtol=1e-4)


def test_known_pixels_keep_their_colour() -> None:
    """They are not changed by the fill."""
    filled = spread(*known_at((3, 3, (255, 0, 0)), (50, 50, (0, 0, 255))))
    np.testing.assert_allclose(filled[3, 3, :3], [255, 0, 0], atol=1e-3)
    np.testing.assert_allclose(filled[50, 50, :3], [0, 0, 255], atol=1e-3)


def test_the_nearer_colour_dominates() -> None:
    """Beside red the fill is mostly red, and beside blue mostly blue."""
    filled = spread(*known_at((3, 3, (255, 0, 0)), (60, 60, (0, 0, 255))))
    assert filled[6, 6, 0] > filled[6, 6, 2]
    assert filled[57, 57, 2] > filled[57, 57, 0]


def test_without_known_pixels_the_fill_is_black() -> None:
    """The values are defined even then."""
    assert not spread(*known_at())[..., :3].any()
