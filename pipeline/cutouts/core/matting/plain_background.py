"""Settles the network's doubt by colour if the background is plain.

A pixel that the network doubts and that has the colour of the background is background: it shows through a handle, a
ring, between two legs. This holds only if colour tells the product from the background: of a white product on white,
pixels that the network is certain of have the colour of the background, too, and no pixel is lowered.

A doubted spot inside of the product is product if hardly any of it has the colour of the background: a highlight, a
buckle.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.matting.background import LONG_SIDE, Background, estimated
from cutouts.core.matting.edge_network import MARGIN, changes, features, shipped, sites
from cutouts.core.matting.pixel_lookup import Enlarged, Indices, Part, around, blocks
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
SPOT, EQUAL_SHARE = 0.05, 0.125
"""A doubted spot inside of the product is smaller than the first share of what the network is certain of, and less than
the second share of it equals the background."""


def settled(saliency: Floats, photograph: Photograph) -> Floats:
    """`saliency`, float32 h×w in 0…1 for the whole photograph, with its doubt settled as far as the background is
    known, and then its edges corrected by the edge network, if the network is certain of any product."""
    ruled, trust, background = settled_by_rules(saliency, photograph)
    if not trust or saliency.max() < CERTAIN:
        return ruled
    where = sites(ruled, saliency)
    part = around(where.view(np.uint8), MARGIN)
    seen = edge_features(photograph, ruled, saliency, background, trust, part)
    ruled[where] += np.float32(trust) * changes(shipped(), seen, where[part])
    return np.asarray(np.clip(ruled, 0, 1, out=ruled), np.float32)


def settled_by_rules(saliency: Floats, photograph: Photograph) -> tuple[Floats, float, Background]:
    """A copy of `saliency` that is settled by colour alone, how far the background is trusted (0…1), and the
    background. If it is not trusted, or if nothing is doubted, `saliency` itself and 0."""
    size = size_within(*photograph.size, LONG_SIDE)
    rgb, matte = photograph.shrunk(*size) / 255, cv2.resize(saliency, size, interpolation=cv2.INTER_AREA)
    background = estimated(rgb, matte.astype(np.float64))
    known = float(_ramp(background.known, KNOWN, WELL_KNOWN))
    pixels = np.flatnonzero((saliency > UNSURE) & (saliency < CERTAIN))
    if not (known and pixels.size):
        return saliency, 0.0, background
    difference = _difference(pixels, saliency.shape, photograph, background)
    told_apart = float(1 - _ramp(_alike(rgb, background, matte >= CERTAIN), ALIKE, TOO_ALIKE))
    result = saliency.copy()
    _lower(result, pixels, difference, known * told_apart)
    _raise(result, saliency, pixels, difference, known)
    return result, known, background


def edge_features(
    photograph: Photograph, ruled: Floats, saliency: Floats, background: Background, trust: float, part: Part
) -> Floats:
    """What the edge network sees in `part` of the plane, float32 h×w×9; see `edge_network.features`."""
    height, width = saliency.shape
    field = np.ascontiguousarray(np.moveaxis(background.colour, 0, 2), np.float32)
    field = np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    rgb = photograph.shrunk(width, height)
    return features(rgb[part], ruled[part], saliency[part], field[part], trust)


def _alike(rgb: Doubles, background: Background, certain: Mask) -> float:
    """The share of the `certain` pixels that may be background by their colour; 1 if no pixel is certain."""
    difference = np.abs(rgb[certain].T - background.colour[:, certain]).max(axis=0)
    return float((difference < DIFFERENT / 255).mean()) if difference.size else 1.0


def _difference(pixels: Indices, shape: tuple[int, ...], photograph: Photograph, background: Background) -> Floats:
    """How much each of the `pixels` of a plane of that shape differs from `background` (levels of 255)."""
    colours = photograph.shrunk(shape[1], shape[0]).reshape(-1, 3)
    expected = Enlarged.to(shape, np.ascontiguousarray(255 * np.moveaxis(background.colour, 0, 2), np.float32))
    parts = [_largest(colours.take(block, 0) - expected.at(block)[0]) for block in blocks(pixels)]
    return np.concatenate(parts)


def _lower(saliency: Floats, pixels: Indices, difference: Floats, trust: float) -> None:
    """Lower doubted pixels by `trust` (0…1) if they do not differ from the background."""
    values = saliency.reshape(-1)
    equal, doubted = 1 - _ramp(difference, EQUAL, DIFFERENT), 1 - _ramp(values[pixels], DOUBTED, CERTAIN)
    values[pixels] *= 1 - trust * equal * doubted


def _raise(saliency: Floats, said: Floats, pixels: Indices, difference: Floats, trust: float) -> None:
    """Raise by `trust` (0…1) the doubted spots inside of the product in which no background shows; `said` is the
    network's own saliency."""
    certain = said >= CERTAIN
    left, top, width, height = cv2.boundingRect(certain.view(np.uint8))
    if not width:
        return
    part = slice(top, top + height), slice(left, left + width)
    labels = np.zeros(said.shape, np.int32)
    count, labels[part] = cv2.connectedComponents((~certain[part]).view(np.uint8))
    spot, areas = labels.reshape(-1)[pixels], np.bincount(labels[part].reshape(-1), minlength=count)
    raised = np.bincount(spot, minlength=count) == areas  # without any pixel that is certainly background
    raised &= np.bincount(spot, difference <= DIFFERENT, count) < EQUAL_SHARE * areas
    raised &= areas < SPOT * np.count_nonzero(certain)
    raised[0] = False  # what is certainly product
    raised[_at_frame(labels[part])] = False
    inside = pixels[raised[spot]]
    values = saliency.reshape(-1)
    values[inside] += trust * (1 - values[inside])


def _at_frame(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """The labels of the regions that touch the frame."""
    return np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))


def _largest(differences: Floats) -> Floats:
    """The largest absolute value of each pixel's channels, n×3."""
    red, green, blue = np.abs(differences.T)
    return np.asarray(np.maximum(np.maximum(red, green), blue), np.float32)


def _ramp(values: Number, low: float, high: float) -> Number:
    """0 up to `low`, 1 from `high` on, and linear between them."""
    ramp: Number = np.clip((values - low) / (high - low), 0, 1)
    return ramp
