"""The two planes that every metric compares, and what is asked of them."""

from __future__ import annotations

import numpy as np

from cutouts.core.pixels import Floats, Mask

THRESHOLD = 0.5
"""Where a metric needs a decision per pixel, it is taken here, inclusive."""
EPSILON = float(np.spacing(1))
"""MATLAB's `eps`, which the published measures add to what they divide by."""


def check(matte: Floats, truth: Floats) -> None:
    """Raise ValueError unless both are planes of the same shape with pixels in them."""
    if matte.shape != truth.shape:
        raise ValueError(f"matte {matte.shape} and truth {truth.shape} differ in shape")
    if matte.ndim != 2 or matte.size == 0:
        raise ValueError(f"expected a plane (H, W) with pixels, got shape {matte.shape}")


def at_half(plane: Floats) -> Mask:
    """Where a plane says product."""
    return np.asarray(plane >= THRESHOLD, np.bool_)
