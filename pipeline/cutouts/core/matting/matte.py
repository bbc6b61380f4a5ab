"""The matte: the network's saliency without plain background and specks, at source size, under one fixed curve."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.matting.looks import Look
from cutouts.core.matting.plain_background import settled
from cutouts.core.matting.refine import refined
from cutouts.core.matting.specks import without_specks
from cutouts.core.pixels import Bytes, Floats, Photograph

SURE_OUTSIDE = 0.1
"""Pixels up to this probability are certainly outside: matte exactly 0."""
SURE_INSIDE = 0.9
"""Pixels from this probability on are certainly inside: matte exactly 1."""


def matte_of(look: Look, photograph: Photograph) -> Bytes:
    """The matte of the whole photograph, uint8 H×W, 0…255; 0 outside of what the network saw of it."""
    matte = matte_from_saliency(look.saliency, look.seen)
    if look.seen is photograph:
        return matte
    result = np.zeros(photograph.rgb.shape[:2], np.uint8)
    result[look.area] = matte
    return result


def matte_from_saliency(saliency: Floats, photograph: Photograph) -> Bytes:
    """The matte of `photograph`, uint8 H×W, 0…255, at its size.

    `saliency` is float32 h×w, the network's raw probability at model size, for the whole photograph. If the photograph
    has alpha, it multiplies the matte. The curve is `curve`, the same for every image.
    """
    saliency = without_specks(settled(saliency, photograph), SURE_OUTSIDE)
    enlarged = cv2.resize(alpha_bytes(curve(saliency)), photograph.size, interpolation=cv2.INTER_LINEAR)
    matte = np.asarray(enlarged, np.uint8)
    for pixels, values in refined(saliency, photograph):
        matte.reshape(-1)[pixels] = alpha_bytes(curve(values)).reshape(-1)
    if photograph.alpha is not None:
        cv2.multiply(matte, photograph.alpha, dst=matte, scale=1 / 255)
    return matte


def curve(probability: Floats) -> Floats:
    """clip((p − 0.1) / 0.8, 0, 1): monotone, float32; certain inside is exactly 1 and certain outside exactly 0."""
    matte: Floats = probability - np.float32(SURE_OUTSIDE)
    matte *= np.float32(1 / (SURE_INSIDE - SURE_OUTSIDE))
    return np.clip(matte, 0, 1, out=matte)


def alpha_bytes(matte: Floats) -> Bytes:
    """`matte` as uint8 H×W, 0…255. It is rounded only here, to the nearest of 255 steps."""
    return np.asarray(cv2.convertScaleAbs(matte, alpha=255.0), np.uint8)
