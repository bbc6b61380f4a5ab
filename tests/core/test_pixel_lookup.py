"""Pixels of the source that belong to a small plane."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.pixel_lookup import blocks, enlarged_pixels


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (40, 30), (83, 64), (3, 90), (90, 3)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_they_are_the_pixels_of_the_enlarged_mask(size: tuple[int, int], share: float) -> None:
    """Row by row, whether the mask is enlarged or shrunk, and whether rows of it are empty or full."""
    width, height = size
    mask = np.random.default_rng(3).random((12, 17)) < share
    columns, rows = np.arange(width) * 17 // width, np.arange(height) * 12 // height
    assert np.array_equal(enlarged_pixels(mask, width, height), np.flatnonzero(mask[rows][:, columns]))


def test_blocks_have_every_pixel_once() -> None:
    """However many there are, and in their order."""
    pixels = np.arange(0, 100_000, 2)
    assert np.array_equal(np.concatenate(list(blocks(pixels))), pixels)
    assert list(blocks(pixels[:0])) == []
