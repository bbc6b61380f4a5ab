"""Estimates the background of a photograph as a smooth field of colour, and how far that explains what is there.

A cubic surface per channel is fitted where the matte shows no product. The fit is robust, because missing parts of the
product and shadows are among these pixels: residuals are weighted by Geman and McClure's function, whose scale
decreases with each iteration (graduated non-convexity, Blake and Zisserman 1987). The graph of the second look has the
same method in PyTorch (`cutouts.training.second_look.ground`), with its own scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cutouts.core.pixels import Doubles, Mask

LONG_SIDE = 48
"""Longest side of the copy that the background is estimated on (px)."""
_SCALES = (0.25, 0.08, 0.03, 0.03)
"""The scale of residuals (colours in 0…1) in each iteration; larger residuals have little weight."""
_RIDGE = 1e-3 * np.eye(10)
_FRAME_WEIGHT = 3.0
"""Additional weight at the frame, where there is background more often than in the middle."""
_LEVELS = 0.02
"""A colour differs if it is further from the field than this and three times the noise (of 0…1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """`colour`: the field, float64 3×h×w in 0…1. `differs`: bool h×w, the pixels that it does not explain. `known`: the
    share of the pixels outside of the product that it explains, 0…1."""

    colour: Doubles
    differs: Mask
    known: float


def estimated(rgb: Doubles, matte: Doubles) -> Background:
    """The background of a small copy: `rgb` float64 h×w×3 and `matte` float64 h×w, both 0…1.

    If there is nothing but product, nothing is known.
    """
    height, width = matte.shape
    basis, frame = _surfaces(height, width)
    seen = rgb.reshape(-1, 3)
    planes = np.ascontiguousarray(seen.T)
    outside = np.square(1 - matte.reshape(-1))
    prior = outside * frame + 1e-4
    weight = prior
    for scale in _SCALES:
        field = _fit(basis, weight, seen).T @ basis.T
        off = _squares(planes - field)
        weight = scale**2 / (scale**2 + off)
        weight *= weight
        weight *= prior
    noise = np.sqrt((weight @ off) / weight.sum() / 3)
    differs = np.sqrt(off / 3) > 3 * noise + _LEVELS
    known = float(outside[~differs].sum() / max(outside.sum(), 1.0))
    return Background(
        colour=field.reshape(3, height, width), differs=differs.reshape(matte.shape), known=min(known, 1.0)
    )


def _fit(basis: Doubles, weight: Doubles, seen: Doubles) -> Doubles:
    """The coefficients of the weighted least squares surfaces through `seen`, n×3."""
    weighted = basis.T * (weight / weight.sum())
    return np.linalg.solve(weighted @ basis + _RIDGE, weighted @ seen)


def _squares(planes: Doubles) -> Doubles:
    """The sum of the squares of three planes, 3×n; `planes` is overwritten."""
    planes *= planes
    total: Doubles = planes[0] + planes[1]
    total += planes[2]
    return total


@lru_cache(maxsize=32)
def _surfaces(height: int, width: int) -> tuple[Doubles, Doubles]:
    """The ten surfaces of degree 3 at each pixel, float64 n×10, and the weight that the frame gives it, float64 n."""
    y, x = np.meshgrid(*((np.arange(side) + 0.5) / side * 2 - 1 for side in (height, width)), indexing="ij")
    x, y = x.reshape(-1), y.reshape(-1)
    x2, y2 = (3 * x * x - 1) / 2, (3 * y * y - 1) / 2  # Legendre polynomials
    x3, y3 = (5 * x**3 - 3 * x) / 2, (5 * y**3 - 3 * y) / 2
    surfaces = np.stack([np.ones_like(x), x, y, x2, x * y, y2, x3, x2 * y, x * y2, y3], axis=1)
    return surfaces, 1 + _FRAME_WEIGHT * np.maximum(np.abs(x), np.abs(y)) ** 4
