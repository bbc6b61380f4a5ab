"""Photographs are shrunk in one way, whatever was asked of them before."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.pixels import Photograph, shrink

SIZES = [(512, 512), (256, 256), (193, 256), (64, 3), (1, 1), (2000, 900)]


@pytest.mark.parametrize("shape", [(751, 566), (600, 800), (40, 1200), (1200, 33), (1, 1)], ids=str)
def test_kept_copies_change_no_pixel(shape: tuple[int, int]) -> None:
    """A photograph that was shrunk to other sizes before gives what `shrink` gives, in any order, and forgets it."""
    rgb = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    photograph = Photograph(rgb=rgb)
    for width, height in [*SIZES, *reversed(SIZES)]:
        np.testing.assert_array_equal(photograph.shrunk(width, height), shrink(rgb, width, height))
    photograph.forget_copies()
    np.testing.assert_array_equal(photograph.shrunk(9, 7), shrink(rgb, 9, 7))
