"""Drawn garments have closed outlines, whatever their pattern, and can be placed on a scene."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.training.data.cache import Datasets
from cutouts.training.drawing.garments import garment

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_garment_is_one_solid_piece(datasets: Datasets, seed: int) -> None:
    """Nearly all of its alpha is one connected part without holes, and only the edge is soft."""
    alpha = garment(np.random.default_rng(seed), datasets.natural, 200)[..., 3]
    solid = (alpha > 127).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(solid)
    assert parts[1:, cv2.CC_STAT_AREA].max() > 0.97 * solid.sum()
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(solid), outlines, -1, 1, -1)
    assert filled.sum() - solid.sum() < 0.02 * solid.sum()
    assert np.mean((alpha > 0) & (alpha < 255)) < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_colours_are_premultiplied(datasets: Datasets, seed: int) -> None:
    """No colour exceeds its alpha, so that a garment may be resized like the products."""
    rgba = garment(np.random.default_rng(seed), datasets.natural, 120)
    assert (rgba[..., :3] <= rgba[..., 3:]).all()


def test_a_garment_fits_its_canvas(datasets: Datasets) -> None:
    """The outline touches no side; cutting by the frame happens elsewhere."""
    for seed in SEEDS:
        alpha = garment(np.random.default_rng(seed), datasets.natural, 160)[..., 3]
        assert alpha.shape[0] == pytest.approx(160, abs=1)
        assert not alpha[[0, -1]].any()
        assert not alpha[:, [0, -1]].any()


def test_garments_vary(datasets: Datasets) -> None:
    """Shape, colour and pattern are random, and equal seeds give equal garments."""
    first, again, other = (garment(np.random.default_rng(seed), datasets.natural, 80) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or np.abs(first.astype(int) - other).mean() > 5
