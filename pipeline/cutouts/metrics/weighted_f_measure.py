"""Weighted F-measure: errors count by where they lie (Margolin, Zelnik-Manor and Tal 2014, CVPR)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import EPSILON, at_half, check

WINDOW, SIGMA = 7, 5.0
"""Inside, an error counts as little as the mean around it does (px)."""
FADE = 5.0
"""Outside, an error counts up to twice as much; at this distance (px) half of that is reached."""

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
"""Steps to the pixels around, the nearest first; of equally near ones the left, then the upper, as SciPy has it."""


def weighted_f_measure(matte: Floats, truth: Floats) -> float:
    """Weighted F-measure with β² = 1, 0 to 1; the truth is taken at one half. ValueError for planes that do not fit.

    With an empty truth it is 0, as published.
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
    """2 − exp(ln ½ · distance / 5): from 1 beside the product to 2 far from it, (H, W); exact distances."""
    distance = cv2.distanceTransform((~true).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(2 - np.exp(np.float32(np.log(0.5) / FADE) * distance), np.float32)


def _around(error: Floats, true: Mask) -> Floats:
    """The error's Gaussian mean around each pixel, what is outside counting as the nearest pixel inside does."""
    borrowed = _borrowed(error, true)
    return np.asarray(cv2.GaussianBlur(borrowed, (WINDOW,) * 2, SIGMA, borderType=cv2.BORDER_CONSTANT), np.float32)


def _borrowed(error: Floats, true: Mask) -> Floats:
    """`error`, but each pixel outside that a window of one inside reaches has the error of the nearest pixel inside.

    Those are few, so they are looked up step by step, the nearest steps first: exact, as a chamfer distance is not.
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
