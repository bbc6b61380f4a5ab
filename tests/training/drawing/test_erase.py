"""Photographs with their subject removed, and photographs with a patch beside it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.pixels import Bytes
from cutouts.training.drawing.erase import MOST, emptied, patched

SEEDS = range(8)


def _ball(radius: int, x: int = 40) -> Bytes:
    """A white ball with its mask on a grassy ground, uint8 (80, 120, 4)."""
    ground = np.random.default_rng(0).integers(30, 90, (80, 120, 3), dtype=np.uint8)
    ground[..., 1] += 60
    mask = cv2.circle(np.zeros((80, 120), np.uint8), (x, 40), radius, 255, -1)
    ground[mask > 0] = 255
    return np.dstack([ground, mask])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_subject_is_removed_and_the_rest_stays(seed: int) -> None:
    """No white is left, alpha is zero, and far from the subject nothing has changed."""
    rgba = _ball(12)
    scene = emptied(np.random.default_rng(seed), rgba)
    assert scene is not None
    assert not scene[..., 3].any()
    assert scene[..., 0].max() < 120
    np.testing.assert_array_equal(scene[:, 80:100, :3], rgba[:, 80:100, :3])


def test_a_subject_that_fills_the_photograph_cannot_be_removed() -> None:
    """Nothing natural would be left."""
    rgba = _ball(39)
    assert (rgba[..., 3] > 0).mean() > MOST
    assert emptied(np.random.default_rng(0), rgba) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_patch_does_not_change_the_subject(seed: int) -> None:
    """Its pixels and mask stay, and something beside it is filled from the background alone."""
    rgba = _ball(12)
    other = _ball(12, x=95)[..., 3]
    out = patched(np.random.default_rng(seed), rgba, other)
    inside = rgba[..., 3] > 0
    np.testing.assert_array_equal(out[..., 3], rgba[..., 3])
    np.testing.assert_array_equal(out[inside], rgba[inside])
    assert (out[40, 90:100] != rgba[40, 90:100]).any()
    assert out[:, 70:, 0].max() < 120
