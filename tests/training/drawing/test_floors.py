"""Floors under garments: straight joints, varied tiles and wood with a grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.training.drawing.floors import floor

GREY = np.full(3, 150.0, np.float32)
SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_floor_has_joints_and_is_smooth_otherwise(seed: int) -> None:
    """A few pixels of a tiled floor differ much from their surroundings, and most hardly do."""
    plane = cv2.cvtColor(floor(np.random.default_rng(seed), GREY, 300, 240), cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = np.abs(plane - cv2.medianBlur(plane, 5))
    assert plane.shape == (300, 240)
    assert edge.max() > 8
    assert np.mean(edge < 8) > 0.7


def test_equal_seeds_give_equal_floors() -> None:
    """What a step shows depends only on its number."""
    first, again = (floor(np.random.default_rng(3), GREY, 60, 80) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_floors_are_stone_or_wood() -> None:
    """Some have the requested colour and some are brown."""
    floors = [floor(np.random.default_rng(seed), GREY, 64, 64).astype(float) for seed in range(20)]
    brown = [bool(tile[..., 0].mean() > 1.05 * tile[..., 2].mean()) for tile in floors]
    assert 4 <= sum(brown) <= 16
