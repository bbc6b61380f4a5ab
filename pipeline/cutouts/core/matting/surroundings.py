"""Compares a matte with the background beside it: what was left behind, what was taken along.

Everything is measured on a copy whose long side has at most 48 px, because whole parts of a product matter here. If the
background is not known, there is nothing to compare with, and a matte counts as faultless.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.matting.background import LONG_SIDE, Background, estimated
from cutouts.core.pixels import Bytes, Doubles, Mask, shrink, size_within

_KNOWN = 0.6
"""The background counts as known if the field explains at least this share of it."""
_HALF, _FAINT = 128, 13
_DARKEST, _TINT = 0.4, 0.06
"""A shadow keeps at least this share of the light, and its channels differ by at most this much of it."""
_BESIDE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Shares, 0…1: `background_known` of the image outside of the product, `left_behind` of the product and what was
    left, the others of the product."""

    background_known: float
    left_behind: float = 0.0
    taken_along: float = 0.0
    filled_holes: float = 0.0
    shadow: float = 0.0


def surroundings(alpha: Bytes, rgb: Bytes) -> Surroundings:
    """Compare `alpha`, uint8 h×w, with the photograph `rgb`, uint8 h×w×3."""
    size = size_within(alpha.shape[1], alpha.shape[0], LONG_SIDE)
    alpha, rgb = shrink(alpha, *size), shrink(rgb, *size)
    colour = rgb / 255
    background = estimated(colour, alpha / 255)
    product = alpha >= _HALF
    area = _pixels(product)
    if background.known < _KNOWN or not area:
        return Surroundings(background_known=background.known)
    shaded = _shaded(background, colour)
    left = _pixels(_left(background, alpha, product, shaded))
    inside = _eroded(product)
    same = inside & ~background.differs
    return Surroundings(
        background_known=background.known,
        left_behind=left / (left + area),
        taken_along=_pixels(same) / area,
        filled_holes=_pixels(same & ~_reached(same, ~inside)) / area,
        shadow=_pixels(_reached(product & shaded & background.differs, ~product)) / area,
    )


def _left(background: Background, alpha: Bytes, product: Mask, shaded: Mask) -> Mask:
    """What differs from the background, is not a shadow or in the matte, and touches the product. Without the rim,
    whose pixels are mixtures."""
    candidates = background.differs & ~shaded & (alpha < _FAINT)
    return _reached(candidates, product) & ~_grown(_grown(product))


def _shaded(background: Background, colour: Doubles) -> Mask:
    """Where the photograph, float64 h×w×3 in 0…1, has the colour of the background with less light."""
    light = np.divide(colour.transpose(2, 0, 1), np.maximum(background.colour, 1 / 255), order="C")
    mean = (light[0] + light[1] + light[2]) / 3
    light -= mean
    tint = np.abs(light, out=light).max(axis=0)
    return np.asarray((mean < 1) & (mean >= _DARKEST) & (tint <= _TINT * mean), np.bool_)


def _reached(candidates: Mask, start: Mask) -> Mask:
    """The connected parts of `candidates` that are beside a pixel of `start`."""
    if not candidates.any():
        return candidates
    count, labels = cv2.connectedComponents(candidates.view(np.uint8))
    touching = np.zeros(count, np.bool_)
    touching[labels[_grown(start) & candidates]] = True
    return np.asarray(touching[labels], np.bool_)


def _pixels(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), _BESIDE), np.uint8).view(np.bool_)


def _eroded(mask: Mask) -> Mask:
    return np.asarray(cv2.erode(mask.view(np.uint8), _BESIDE), np.uint8).view(np.bool_)
