"""Settles the network's doubt by colour where a plain background shows: through a handle, a ring, between two legs.

A pixel that the network doubts and that has the colour of the background is background. This holds only if the
background is known, and if colour tells the product from it: of a white product on white, pixels that the network is
certain of have the colour of the background, too, and nothing is changed.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np

from cutouts.core.matting.background import LONG_SIDE, Background, estimated
from cutouts.core.matting.pixel_lookup import Enlarged, blocks
from cutouts.core.matting.refine import UNSURE
from cutouts.core.pixels import Doubles, Floats, Mask, Photograph, size_within

Number = TypeVar("Number", float, Floats)

KNOWN, WELL_KNOWN = 0.85, 0.95
"""Share of the background that the estimate explains: below the first nothing changes, from the second on all."""
EQUAL, DIFFERENT = 2.5, 5.0
"""Levels of 255, in the channel that differs most: up to the first a colour equals the background's."""
DOUBTED, CERTAIN = 0.9, 0.97
"""Probability of a product: the network doubts all below the first, and is certain from the second on."""
ALIKE, TOO_ALIKE = 0.05, 0.1
"""Share of the pixels that the network is certain of and that do not differ from the background: above the second one
colour tells nothing."""


def without_plain_background(saliency: Floats, photograph: Photograph) -> Floats:
    """`saliency`, float32 h×w in 0…1 for the whole photograph, lowered where it is doubted and background shows."""
    size = size_within(*photograph.size, LONG_SIDE)
    rgb, matte = photograph.shrunk(*size) / 255, cv2.resize(saliency, size, interpolation=cv2.INTER_AREA)
    background = estimated(rgb, matte.astype(np.float64))
    trust = _ramp(background.known, KNOWN, WELL_KNOWN)
    if trust:
        trust *= 1 - _ramp(_alike(rgb, background, matte >= CERTAIN), ALIKE, TOO_ALIKE)
    return _lowered(saliency, photograph, background, trust) if trust else saliency


def _alike(rgb: Doubles, background: Background, certain: Mask) -> float:
    """The share of the `certain` pixels that may be background by their colour; 1 if no pixel is certain."""
    difference = np.abs(rgb[certain].T - background.colour[:, certain]).max(axis=0)
    return float((difference < DIFFERENT / 255).mean()) if difference.size else 1.0


def _lowered(saliency: Floats, photograph: Photograph, background: Background, trust: float) -> Floats:
    """`saliency`, lowered by `trust` (0…1) where it is doubted and does not differ from `background`."""
    colours = photograph.shrunk(saliency.shape[1], saliency.shape[0]).reshape(-1, 3)
    expected = Enlarged.to(saliency.shape, np.ascontiguousarray(255 * np.moveaxis(background.colour, 0, 2), np.float32))
    lowered = saliency.copy()
    values = lowered.reshape(-1)
    for pixels in blocks(np.flatnonzero((saliency > UNSURE) & (saliency < CERTAIN))):
        difference = _largest(colours.take(pixels, 0) - expected.at(pixels)[0])
        equal, doubted = 1 - _ramp(difference, EQUAL, DIFFERENT), 1 - _ramp(values[pixels], DOUBTED, CERTAIN)
        values[pixels] *= 1 - trust * equal * doubted
    return lowered


def _largest(differences: Floats) -> Floats:
    """The largest absolute value of each pixel's channels, n×3."""
    red, green, blue = np.abs(differences.T)
    return np.asarray(np.maximum(np.maximum(red, green), blue), np.float32)


def _ramp(values: Number, low: float, high: float) -> Number:
    """0 up to `low`, 1 from `high` on, and linear between them."""
    ramp: Number = np.clip((values - low) / (high - low), 0, 1)
    return ramp
