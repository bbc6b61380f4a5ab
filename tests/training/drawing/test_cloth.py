"""Cloth, drawn alike for products and for backgrounds."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.training.drawing.cloth import cloth, folded, sheet, wave

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_folds_and_quilts_only_change_the_brightness(seed: int) -> None:
    """The factor is about one and never black, so the colours of the cloth stay."""
    light = folded(np.random.default_rng(seed), 90, 70)
    assert light.shape == (90, 70)
    assert 0.1 < light.min() < light.max() < 1.7
    assert 0.4 < light.mean() < 1.3


def test_cloth_is_plain_or_patterned() -> None:
    """At least a third of the pieces have one colour, and a third have more."""
    spread = [cloth(np.random.default_rng(seed), 64, 64).std(axis=(0, 1)).max() for seed in range(30)]
    plain = sum(value < 10 for value in spread)
    assert 10 <= plain <= 20


def test_a_sheet_fills_the_frame() -> None:
    """It has light and dark parts, and equal seeds give equal sheets."""
    first, again = (sheet(np.random.default_rng(4), 50, 80) for _ in range(2))
    assert first.shape == (50, 80, 3)
    assert first.std() > 0
    np.testing.assert_array_equal(first, again)


def test_a_wave_has_its_period() -> None:
    """It is measured across the angle, in pixels."""
    plane = wave(4, 80, angle=0.0, period=20)
    np.testing.assert_allclose(plane[:, :60], plane[:, 20:], atol=1e-5)
    assert plane.max() == pytest.approx(1, abs=0.01)
