"""How much a network doubts its own answer, read off its probability and the matte made of it.

The soft Dice confidence of Borges et al. 2024 (arXiv 2402.10665): an answer that is 0 or 1 everywhere agrees with
itself, one that is ½ in places does not. Planes are small copies, float32 h×w in 0…1.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats

REGION = 17
"""Side (px of the copy) of a region: 6.6 % of its long side."""
_NEVER_ZERO = np.float32(1e-6)


def doubt(plane: Floats) -> float:
    """1 − 2·Σp² / Σ(p + p²), 0 for an answer without any doubt or product, towards 1 for faint haze throughout.

    One pixel of certainty is added to both sums, so that an empty plane has no doubt.
    """
    squares = float(np.vdot(plane, plane))
    return 1.0 - (2 * squares + 1) / (float(plane.sum(dtype=np.float64)) + squares + 1)


def worst_doubt(plane: Floats) -> float:
    """The largest mean entropy (bit per pixel) of a region, 0 to 1."""
    known = _information(plane)
    known += _information(1 - plane)
    return min(1.0, max(0.0, float(cv2.blur(np.negative(known, out=known), (REGION, REGION)).max())))


def _information(plane: Floats) -> Floats:
    """p·log2 p of each pixel, at most 0; float32 h×w."""
    logarithm: Floats = np.log2(plane + _NEVER_ZERO)
    logarithm *= plane
    return logarithm
