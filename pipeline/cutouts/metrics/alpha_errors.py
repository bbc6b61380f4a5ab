"""Errors of a soft matte against its soft truth: SAD, MSE, gradient and connectivity error over the whole image.

These are the four errors of Rhemann et al. 2009 (CVPR, "A Perceptually Motivated Online Benchmark for Image Matting"),
as in the widely used code of Deep Image Matting (Xu et al. 2017), with two differences: the matte is never stretched to
0…1 first, and there is no trimap, so all pixels count. SAD, gradient and connectivity error are sums over the pixels
divided by 1000. The mean squared error is not scaled here; the literature prints it times 1000.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import check

PER = 1000
"""Sums over the pixels are given in thousands."""
SIGMA, HALF = 1.4, 4
"""The σ of the gradient's Gaussian, and half the size of its kernel (px), which covers all values above 1 % of its
height."""
STEPS = 10
"""The number of levels at which connectedness is computed."""
NOTABLE = 0.15
"""A pixel that exceeds its connected level by less than this counts as connected."""
_ROUNDED = 1e-6
"""Tolerance for float32 rounding: 8-bit levels would otherwise equal 0.2, 0.4, … exactly."""


def sum_of_absolute_differences(matte: Floats, truth: Floats) -> float:
    """Sum of |matte − truth| over all pixels, in thousands."""
    check(matte, truth)
    return float(np.abs(matte - truth).sum(dtype=np.float64)) / PER


def mean_squared_error(matte: Floats, truth: Floats) -> float:
    """Mean of (matte − truth)² over all pixels, 0 to 1."""
    check(matte, truth)
    return float(np.square(matte - truth).mean(dtype=np.float64))


def gradient_error(matte: Floats, truth: Floats) -> float:
    """Sum of squared differences of the gradients' magnitudes, in thousands.

    Gradients use first derivatives of a Gaussian with σ = 1.4 px and a kernel of unit energy; border pixels are
    repeated.
    """
    check(matte, truth)
    return float(np.square(_steepness(matte) - _steepness(truth)).sum(dtype=np.float64)) / PER


def connectivity_error(matte: Floats, truth: Floats) -> float:
    """Sum of |φ(matte) − φ(truth)| over all pixels, in thousands.

    d is how far a pixel exceeds the level up to which it is connected to the largest part that matte and truth have in
    common. φ is 1 − d if d is at least 0.15, else 1 (θ = 0.15, p = 1, levels in tenths, 4-connected).
    """
    check(matte, truth)
    level = _connected_level(matte, truth)
    difference = _disconnected(matte - level) - _disconnected(truth - level)
    return float(np.abs(difference).sum(dtype=np.float64)) / PER


def _steepness(plane: Floats) -> Floats:
    """The magnitude of the Gaussian gradient, float32 (H, W)."""
    at = np.arange(-HALF, HALF + 1, dtype=np.float64)
    smooth = np.exp(-np.square(at) / (2 * SIGMA**2))
    slope = at * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    across = cv2.sepFilter2D(plane, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(plane, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _connected_level(matte: Floats, truth: Floats) -> Floats:
    """The level, in steps of a tenth, up to which each pixel belongs to the largest part that both planes reach,
    float32 (H, W)."""
    both = np.minimum(matte, truth) + np.float32(_ROUNDED)
    level = np.zeros(matte.shape, np.float32)
    left, top, width, height = cv2.boundingRect((both >= np.float32(1 / STEPS)).view(np.uint8))
    part = np.s_[top : top + height, left : left + width]
    unset = np.ones((height, width), np.bool_)
    for step in range(1, STEPS + 1):
        outside = unset & ~_largest_part(both[part] >= np.float32(step / STEPS))
        level[part][outside] = np.float32((step - 1) / STEPS)
        unset &= ~outside
    level[part][unset] = 1
    return level


def _largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of `mask`; empty if the mask is empty."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    areas = np.bincount(labels.reshape(-1))  # twice as fast as OpenCV's own statistics
    return np.asarray(labels == 1 + int(areas[1:].argmax()), np.bool_)


def _disconnected(excess: Floats) -> Floats:
    """`excess` where it is at least `NOTABLE`, else 0."""
    return np.asarray(np.where(excess >= np.float32(NOTABLE), excess, np.float32(0)), np.float32)
