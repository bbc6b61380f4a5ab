"""Changing the light on a product keeps its shape and often makes it black or white."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.training.drawing.relight import relit

SEEDS = range(200)


def grey() -> np.ndarray:
    """A disc of middle grey, premultiplied."""
    y, x = np.mgrid[-20:20, -20:20]
    alpha = (np.clip(18 - np.hypot(x, y), 0, 1) * 255).astype(np.uint8)
    return np.dstack([alpha // 2, alpha // 2, alpha // 2, alpha])


@pytest.mark.parametrize("seed", range(20))
def test_colours_stay_premultiplied_and_the_shape_is_kept(seed: int) -> None:
    """No colour exceeds its alpha, and alpha is kept or becomes that of glass throughout."""
    before, after = grey(), relit(np.random.default_rng(seed), grey())
    assert (after[..., :3] <= after[..., 3:]).all()
    share = after[20, 20, 3] / 255
    np.testing.assert_allclose(after[..., 3], before[..., 3] * share, atol=1)


def test_some_products_become_black_and_some_white() -> None:
    """It is one in twenty to one in five each, because real products are and little of the data is."""
    light = np.array([relit(np.random.default_rng(seed), grey())[20, 20, :3].mean() for seed in SEEDS])
    assert 0.05 < np.mean(light < 30) < 0.2
    assert 0.03 < np.mean(light > 180) < 0.2
