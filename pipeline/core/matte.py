"""The matte: the network's saliency at source size, under one fixed curve."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.core.pixels import Bytes, Floats, Photograph
from pipeline.core.refine import refine

SURE_OUTSIDE = 0.1
"""Probability up to which a pixel is sure to lie outside: matte exactly 0."""
SURE_INSIDE = 0.9
"""Probability from which a pixel is sure to lie inside: matte exactly 1."""


def matte_from_saliency(saliency: Floats, photograph: Photograph) -> Floats:
    """The matte of `photograph`, float32 H×W in 0…1 at its size.

    `saliency` is float32 h×w, the network's raw probability at model size, of the whole photograph. Alpha that the
    photograph came with multiplies the matte. The curve is `curve`, the same for every image.
    """
    matte = _bend(refine(saliency, photograph.rgb))
    if photograph.alpha is not None:
        cv2.multiply(matte, photograph.alpha, dst=matte, scale=1 / 255, dtype=cv2.CV_32F)
    return matte


def curve(probability: Floats) -> Floats:
    """clip((p − 0.1) / 0.8, 0, 1): monotone, float32; sure inside is exactly 1 and sure outside exactly 0."""
    return _bend(probability.copy())


def _bend(matte: Floats) -> Floats:
    """The curve, in place: at source size each new array costs more than the arithmetic."""
    matte -= np.float32(SURE_OUTSIDE)
    matte *= np.float32(1 / (SURE_INSIDE - SURE_OUTSIDE))
    cv2.threshold(matte, 1.0, 1.0, cv2.THRESH_TRUNC, dst=matte)
    cv2.threshold(matte, 0.0, 0.0, cv2.THRESH_TOZERO, dst=matte)
    return matte


def alpha_bytes(matte: Floats) -> Bytes:
    """`matte` as uint8 H×W, 0…255: the one place where it is rounded, to the nearest of 255 steps."""
    return np.asarray(cv2.convertScaleAbs(matte, alpha=255.0), np.uint8)
