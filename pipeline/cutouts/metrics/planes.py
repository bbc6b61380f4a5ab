"""Checks the two planes that every metric compares, and thresholds them."""

from __future__ import annotations

import numpy as np

from cutouts.core.pixels import Floats, Mask

THRESHOLD = 0.5
"""The threshold, inclusive, of metrics that need a decision per pixel."""
EPSILON = float(np.spacing(1))
"""MATLAB's `eps`, which the published measures add to their denominators."""


def check(matte: Floats, truth: Floats) -> None:
    """Raise ValueError unless both are planes of the same shape and not empty."""
    if matte.shape != truth.shape:
        raise ValueError(f"matte {matte.shape} and truth {truth.shape} differ in shape")
    if matte.ndim != 2 or matte.size == 0:
        raise ValueError(f"expected a plane (H, W) with pixels, got shape {matte.shape}")


def at_half(plane: Floats) -> Mask:
    """The mask of the pixels at one half or more, bool (H, W)."""
    return np.asarray(plane >= THRESHOLD, np.bool_)
