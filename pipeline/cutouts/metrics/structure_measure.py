"""S-measure: the similarity of matte and truth as objects and by region (Fan et al. 2017, ICCV, arXiv 1708.00786)."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Doubles, Floats, Mask
from cutouts.metrics.planes import EPSILON, at_half, check

ALPHA = 0.5
"""Weight of the object similarity in the result; the region similarity has the rest."""
_NOTHING = 1e-18
"""A variance below this is only rounding of a constant: one 8-bit step of one pixel among 10⁸ gives 10⁵ times as
much."""

_Plane64 = Doubles


def structure_measure(matte: Floats, truth: Floats) -> float:
    """S-measure with α = ½, 0 to 1; the truth is thresholded at one half. Raises ValueError if the planes do not fit.

    For an empty truth it is 1 − the matte's mean, for a full one the matte's mean, as published.
    """
    check(matte, truth)
    true = at_half(truth)
    share = float(np.mean(true))
    if share in (0.0, 1.0):
        return abs(1 - share - float(np.mean(matte, dtype=np.float64)))
    return max(0.0, ALPHA * _object(matte, true, share) + (1 - ALPHA) * _regions(matte, true))


def _object(matte: Floats, true: Mask, share: float) -> float:
    """The similarity inside and outside the product, each weighted by its area."""
    inside, outside = _moments(matte, true), _moments(matte, ~true)
    return share * _solidity(*inside) + (1 - share) * _solidity(1 - outside[0], outside[1])


def _moments(matte: Floats, mask: Mask) -> tuple[float, float]:
    """Mean and sample standard deviation of the matte inside `mask`."""
    count = int(np.count_nonzero(mask))
    mean, deviation = cv2.meanStdDev(matte, mask=mask.view(np.uint8))
    return float(mean[0, 0]), float(deviation[0, 0]) * float(np.sqrt(count / max(1, count - 1)))


def _solidity(mean: float, deviation: float) -> float:
    return 2 * mean / (mean**2 + 1 + deviation + EPSILON)


def _regions(matte: Floats, true: Mask) -> float:
    """The similarity of the four parts around the product's centroid, each weighted by its area."""
    moments = cv2.moments(true.view(np.uint8), binaryImage=True)
    row, column = (round(moments[name] / moments["m00"]) + 1 for name in ("m01", "m10"))
    both = matte.astype(np.float64), true.astype(np.float64)
    total = 0.0
    for rows in (slice(None, row), slice(row, None)):
        for columns in (slice(None, column), slice(column, None)):
            one, other = (plane[rows, columns] for plane in both)
            total += one.size / matte.size * _likeness(one, other) if one.size else 0.0
    return total


def _likeness(matte: _Plane64, true: _Plane64) -> float:
    """Luminance, contrast and structure in one value, as in SSIM: 4·x·y·σxy / ((x² + y²)(σx + σy))."""
    x, y, rest = float(matte.mean()), float(true.mean()), matte.size - 1 + EPSILON
    off_x, off_y = matte - x, true - y
    spread_x, spread_y = _sum(off_x, off_x) / rest, _sum(off_y, off_y) / rest
    if max(spread_x, spread_y) < _NOTHING:
        return 1.0
    if min(spread_x, spread_y) < _NOTHING:
        return 0.0
    together = _sum(off_x, off_y) / rest
    return 4 * x * y * together / ((x**2 + y**2) * (spread_x + spread_y) + EPSILON)


def _sum(one: _Plane64, other: _Plane64) -> float:
    """The sum of the products, on this thread only: BLAS would start its own threads even for so little work."""
    return float(np.einsum("ij,ij->", one, other))
