"""Floors that garments lie on: joints that run straight through, tiles that differ, wood with a grain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.training.drawing.floors import floor

GREY = np.full(3, 150.0, np.float32)
SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_floor_has_joints_and_is_else_smooth(seed: int) -> None:
    """A few pixels of a tiled floor differ much from what is around them, and most hardly at all."""
    plane = cv2.cvtColor(floor(np.random.default_rng(seed), GREY, 300, 240), cv2.COLOR_RGB2GRAY).astype(np.float32)
    edge = np.abs(plane - cv2.medianBlur(plane, 5))
    assert plane.shape == (300, 240)
    assert edge.max() > 8
    assert np.mean(edge < 8) > 0.7


def test_the_same_chance_lays_the_same_floor() -> None:
    """What a step shows is a function of its number alone."""
    first, again = (floor(np.random.default_rng(3), GREY, 60, 80) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_floors_are_of_stone_and_of_wood() -> None:
    """Some keep the colour that was asked for, some are brown."""
    floors = [floor(np.random.default_rng(seed), GREY, 64, 64).astype(float) for seed in range(20)]
    brown = [bool(tile[..., 0].mean() > 1.05 * tile[..., 2].mean()) for tile in floors]
    assert 4 <= sum(brown) <= 16
