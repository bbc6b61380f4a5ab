"""The cutout: straight alpha, the background's share taken out of the colours of the rim."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.core.colour import spread
from pipeline.core.matte import alpha_bytes
from pipeline.core.pixels import Bytes, Floats, Photograph, shrink

_REDUCTION = 4
"""Foreground colours are estimated at a quarter of the source's size: they change slowly along the rim."""


def cutout(photograph: Photograph, matte: Floats) -> Bytes:
    """uint8 H×W×4, sRGB with straight alpha; `matte` is float32 H×W in 0…1.

    Opaque pixels are the photograph's own, colours of soft ones are estimated, colours under alpha 0 are 0: nobody
    sees them, and the file takes half the time and bytes.
    """
    alpha = alpha_bytes(matte)
    rgb = _estimate(photograph.rgb, alpha)
    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)
    cv2.mixChannels([alpha], [rgba], [0, 3])
    words = rgba.view(np.uint32)[..., 0]
    np.multiply(words, alpha != 0, out=words)
    return rgba


def estimate_foreground(rgb: Bytes, matte: Floats) -> Bytes:
    """`rgb`, uint8 H×W×3, with the product's own colour in its soft pixels; `matte` is float32 H×W in 0…1.

    Soft is what the matte's 8 bits neither make 0 nor 255; without any sure inside nothing changes.
    The colour of the sure inside, spread by a push-pull pyramid at a quarter of the size; all other pixels stay.
    """
    return _estimate(rgb, alpha_bytes(matte))


def _estimate(rgb: Bytes, alpha: Bytes) -> Bytes:
    opaque = np.asarray(cv2.threshold(alpha, 254, 255, cv2.THRESH_BINARY)[1], np.uint8)
    soft = cv2.inRange(alpha, 1, 254)
    if not (cv2.hasNonZero(opaque) and cv2.hasNonZero(soft)):
        return rgb
    height, width = alpha.shape
    small = max(1, width // _REDUCTION), max(1, height // _REDUCTION)
    sure = shrink(np.asarray(cv2.copyTo(rgb, opaque), np.uint8), *small)
    known = shrink(opaque, *small)
    colour = spread(sure.astype(np.float32), known.astype(np.float32) / np.float32(255))
    full = cv2.resize(cv2.convertScaleAbs(colour), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(full, soft, rgb.copy()), np.uint8)
