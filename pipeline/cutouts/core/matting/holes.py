"""Opens holes of the product that the network took for a part of it, in front of a plain background.

A region inside of the matte is a hole if it has the colour of the background, if nearly all around it differs clearly,
and if the network is less certain of it than of a product. So a white part of a product on white stays: its shades fade
into the white. What is printed in exactly the background's colour, usually pure white, may be opened.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.matting.pixel_lookup import widened
from cutouts.core.pixels import Floats, Mask

EQUAL, CLEAR = 4.0, 24.0
"""Difference from the background (levels of 255, of the channel that differs most): a hole has at most the first, and
what is around it at least the second."""
AROUND = 0.9
"""Share of what is around a hole that differs clearly."""
LESS_CERTAIN = 0.985
"""Mean probability of a product up to which a region may be a hole."""
SMALLEST = 20
"""Smaller regions (px of the saliency) are left as they are."""
_RIM, _NEAR = 2, 4
"""What is around a hole: the pixels this far from it."""


def open_holes(saliency: Floats, said: Floats, levels: Floats, trust: float) -> None:
    """Lower `saliency`, float32 h×w in 0…1, in holes by `trust` (0…1), and doubt their rim.

    `said` is the network's own saliency. `levels`, float32 h×w, is each pixel's difference from the background.
    """
    product = saliency > 0.5
    equal = (product & (levels <= EQUAL)).view(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(equal, connectivity=4)
    large = boxes[:, cv2.CC_STAT_AREA] >= SMALLEST
    large[0] = False  # what does not equal the background
    for label in np.flatnonzero(large):
        part = widened(boxes[label, : cv2.CC_STAT_AREA].tolist(), _NEAR)
        hole = labels[part] == label
        if said[part][hole].mean() <= LESS_CERTAIN and _differs_around(hole, product[part], levels[part]):
            _open(saliency[part], hole, trust)


def _differs_around(hole: Mask, product: Mask, levels: Floats) -> bool:
    """Whether nearly all of the product around `hole` differs clearly from the background."""
    near = _grown(hole, _NEAR) & ~_grown(hole, _RIM) & product
    return bool(near.any() and (levels[near] >= CLEAR).mean() >= AROUND)


def _open(saliency: Floats, hole: Mask, trust: float) -> None:
    rim = _grown(hole, 1) & ~hole
    saliency[hole] *= np.float32(1 - trust)
    saliency[rim] = np.minimum(saliency[rim], np.float32(1 - 0.5 * trust))


def _grown(mask: Mask, by: int) -> Mask:
    """`mask` and the pixels that are at most `by` px away from it, also diagonally."""
    side = 2 * by + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)), np.uint8).view(np.bool_)
