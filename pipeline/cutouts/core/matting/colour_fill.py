"""Spreads known colours over the pixels whose colour is not known, with a push-pull pyramid."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats

_GAIN = 4.0
"""A coarse pixel counts as fully known from a quarter of its area, so near colours win over far ones."""


def spread(colour: Floats, known: Floats) -> Floats:
    """Colour everywhere, from `colour` (float32 h×w×3) and the weight 0…1 with which it is `known` (h×w).

    Returns float32 h×w×4, whose last channel has no meaning. `colour` must be multiplied by `known`.

    This is the push-pull pyramid of Gortler et al. 1996 (The Lumigraph): weighted means are pulled up to one pixel,
    with saturating weights, and then pushed down into the pixels that each level does not know. The result is black
    if nothing is known.
    """
    return spread_weighted(np.asarray(cv2.merge([colour, known]), np.float32))


def spread_weighted(weighted: Floats) -> Floats:
    """As `spread`, from the colour and its weight in one array, float32 h×w×4."""
    levels = [_saturate(weighted)]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        levels.append(_saturate(_resize(levels[-1], (width + 1) // 2, (height + 1) // 2)))
    filled = levels.pop()
    for level in reversed(levels):
        filled = _push(filled, level)
    return filled


def _saturate(level: Floats) -> Floats:
    """`level` (colour times weight, weight) with its weights multiplied by the gain, at most 1."""
    gain: Floats = np.maximum(level[..., 3], np.float32(1e-6))
    np.divide(1, gain, out=gain)
    np.minimum(gain, np.float32(_GAIN), out=gain)
    gains = cv2.merge([gain] * 4)
    return np.asarray(cv2.multiply(level, gains, dst=gains), np.float32)


def _push(filled: Floats, level: Floats) -> Floats:
    """`level`, completed with `filled` (half its size) in the pixels that it does not know."""
    height, width = level.shape[:2]
    unknown = cv2.merge([1 - level[..., 3]] * 4)
    below = _resize(filled, width, height)
    cv2.multiply(below, unknown, dst=below)
    return np.asarray(cv2.add(below, level, dst=below), np.float32)


def _resize(image: Floats, width: int, height: int) -> Floats:
    resized = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return resized.reshape(height, width, -1)
