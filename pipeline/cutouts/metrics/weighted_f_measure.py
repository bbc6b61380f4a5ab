"""Weighted F-measure: errors are weighted by their position (Margolin, Zelnik-Manor and Tal 2014, CVPR)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import EPSILON, at_half, check

WINDOW, SIGMA = 7, 5.0
"""The window and σ (px) of the mean error around a pixel: inside, an error counts no more than this mean."""
FADE = 5.0
"""Outside, an error counts up to twice as much; at this distance (px), half of the increase is reached."""

_REACH = WINDOW // 2
_OFFSETS = sorted(
    (
        (y, x)
        for y in range(-WINDOW, WINDOW + 1)
        for x in range(-WINDOW, WINDOW + 1)
        if 0 < y * y + x * x <= 2 * _REACH**2
    ),
    key=lambda at: (at[0] ** 2 + at[1] ** 2, at[1], at[0]),
)
"""Offsets of the surrounding pixels, nearest first; of equally near pixels first the left, then the upper, as in
SciPy."""


def weighted_f_measure(matte: Floats, truth: Floats) -> float:
    """Weighted F-measure with β² = 1, 0 to 1; the truth is thresholded at one half. Raises ValueError if the planes do
    not fit.

    For an empty truth it is 0, as published.
    """
    check(matte, truth)
    true = at_half(truth)
    inside = int(np.count_nonzero(true))
    if inside == 0:
        return 0.0
    error = np.abs(matte - true.astype(np.float32))
    missed = float(np.minimum(error, _around(error, true))[true].sum(dtype=np.float64))
    invented = float((error * _importance(true))[~true].sum(dtype=np.float64))
    recall = 1 - missed / inside
    precision = (inside - missed) / (inside - missed + invented + EPSILON)
    return 2 * recall * precision / (recall + precision + EPSILON)


def _importance(true: Mask) -> Floats:
    """2 − exp(ln ½ · distance / 5): from 1 beside the product to 2 far from it, float32 (H, W), with exact
    distances."""
    distance = cv2.distanceTransform((~true).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(2 - np.exp(np.float32(np.log(0.5) / FADE) * distance), np.float32)


def _around(error: Floats, true: Mask) -> Floats:
    """The Gaussian mean of the error around each pixel; a pixel outside counts with the error of the nearest pixel
    inside."""
    borrowed = _borrowed(error, true)
    return np.asarray(cv2.GaussianBlur(borrowed, (WINDOW,) * 2, SIGMA, borderType=cv2.BORDER_CONSTANT), np.float32)


def _borrowed(error: Floats, true: Mask) -> Floats:
    """`error`, except that each pixel outside within the window of a pixel inside has the error of the nearest pixel
    inside.

    There are few such pixels, so they are looked up offset by offset, nearest first. This is exact, unlike a chamfer
    distance.
    """
    width = true.shape[1] + 2 * WINDOW
    inside = cv2.copyMakeBorder(true.view(np.uint8), *(WINDOW,) * 4, cv2.BORDER_CONSTANT, value=0)
    out = cv2.copyMakeBorder(error, *(WINDOW,) * 4, cv2.BORDER_CONSTANT, value=0)
    near = cv2.dilate(true.view(np.uint8), np.ones((WINDOW,) * 2, np.uint8)).view(np.bool_) & ~true
    rows, columns = np.nonzero(near)
    left: npt.NDArray[np.int64] = (rows + WINDOW) * width + columns + WINDOW
    known, values = inside.reshape(-1) > 0, out.reshape(-1)
    for y, x in _OFFSETS:
        hit = known[left + y * width + x]
        values[left[hit]] = values[left[hit] + y * width + x]
        left = left[~hit]
        if not left.size:
            break
    return np.asarray(out[WINDOW:-WINDOW, WINDOW:-WINDOW], np.float32)
