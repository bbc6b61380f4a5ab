"""Settles the network's doubt by colour if the background is plain.

A pixel that the network doubts and that has the colour of the background is background: it shows through a handle, a
ring, between two legs. This holds only if colour tells the product from the background: of a white product on white,
pixels that the network is certain of have the colour of the background, too, and no pixel is lowered.

A doubted spot inside of the product is product if hardly any of it has the colour of the background: a highlight, a
buckle. And holes that the network filled are opened (`open_holes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.matting.background import LONG_SIDE, Background, estimated
from cutouts.core.matting.edge_network import MARGIN, changes, features, shipped, sites
from cutouts.core.matting.holes import open_holes
from cutouts.core.matting.pixel_lookup import Indices, around
from cutouts.core.matting.refine import UNSURE, unsure
from cutouts.core.pixels import Bytes, Doubles, Floats, Mask, Photograph, size_within

Number = TypeVar("Number", float, Floats)

KNOWN, WELL_KNOWN = 0.85, 0.95
"""Share of the background that the estimate explains: below the first nothing changes, from the second on all."""
EQUAL, DIFFERENT = 2.5, 5.0
"""Levels of 255, in the channel that differs most: up to the first a colour equals the background's."""
UNLIKE = 24.0
"""Levels of 255, in the channel that differs most: above it, something that is not the background is there."""
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
    known, and then its edges corrected by the edge network, if the network is certain of any product.

    If nothing is doubted, or the background is not plain, this is `saliency` itself.
    """
    background = plain_background(saliency, photograph)
    if not (background.trust and unsure(saliency).any()):
        return saliency
    rgb = photograph.shrunk(saliency.shape[1], saliency.shape[0])
    difference = background.difference(rgb)
    ruled = settled_by_rules(saliency, difference, background)
    if saliency.max() < CERTAIN:
        return ruled
    where = sites(ruled, saliency)
    part = around(where.view(np.uint8), MARGIN)
    seen = features(rgb[part], ruled[part], saliency[part], difference[part], background.trust)
    ruled[where] += np.float32(background.trust) * changes(shipped(), seen, where[part])
    return np.asarray(np.clip(ruled, 0, 1, out=ruled), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainBackground:
    """`colour`: the background's, float64 3×h×w in 0…1. `trust`: how far it is plain, 0…1. `told_apart`: how far colour
    tells the product from it, 0…1."""

    colour: Doubles
    trust: float
    told_apart: float

    def difference(self, rgb: Bytes) -> Floats:
        """`rgb`, uint8 h×w×3 of the whole photograph, minus the background, float32 h×w×3, −1…1."""
        field = np.ascontiguousarray(np.moveaxis(self.colour, 0, 2), np.float32)
        field = np.asarray(cv2.resize(field, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        return np.asarray(cv2.addWeighted(rgb, 1 / 255, field, -1, 0, dtype=cv2.CV_32F), np.float32)


def plain_background(saliency: Floats, photograph: Photograph) -> PlainBackground:
    """The background of the photograph, where `saliency`, float32 h×w in 0…1, shows no product."""
    size = size_within(*photograph.size, LONG_SIDE)
    rgb, matte = photograph.shrunk(*size) / 255, cv2.resize(saliency, size, interpolation=cv2.INTER_AREA)
    background = estimated(rgb, matte.astype(np.float64))
    alike = _alike(rgb, background, matte >= CERTAIN)
    return PlainBackground(
        colour=background.colour,
        trust=float(_ramp(background.known, KNOWN, WELL_KNOWN)),
        told_apart=float(1 - _ramp(alike, ALIKE, TOO_ALIKE)),
    )


def unlike_background(photograph: Photograph) -> Mask:
    """The pixels of a small copy, bool h×w, that differ clearly from a plain background; none if it is not plain."""
    rgb = photograph.shrunk(*size_within(*photograph.size, LONG_SIDE))
    background = plain_background(np.zeros(rgb.shape[:2], np.float32), photograph)
    return np.asarray((255 * _largest(background.difference(rgb)) > UNLIKE) & (background.trust > 0))


def settled_by_rules(saliency: Floats, difference: Floats, background: PlainBackground) -> Floats:
    """A copy of `saliency`, float32 h×w in 0…1, that is settled by colour alone; `difference`, h×w×3, is that from the
    background."""
    levels = 255 * _largest(difference)
    result = saliency.copy()
    pixels = np.flatnonzero((saliency > UNSURE) & (saliency < CERTAIN))
    doubted = levels.reshape(-1)[pixels]
    _lower(result, pixels, doubted, background.trust * background.told_apart)
    _raise(result, saliency, pixels, doubted, background.trust)
    open_holes(result, saliency, levels, background.trust)
    return result


def _alike(rgb: Doubles, background: Background, certain: Mask) -> float:
    """The share of the `certain` pixels that may be background by their colour; 1 if no pixel is certain."""
    difference = np.abs(rgb[certain].T - background.colour[:, certain]).max(axis=0)
    return float((difference < DIFFERENT / 255).mean()) if difference.size else 1.0


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


def _largest(difference: Floats) -> Floats:
    """The largest absolute value of each pixel's channels, h×w of h×w×3."""
    red, green, blue = cv2.split(cv2.absdiff(difference, 0))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def _ramp(values: Number, low: float, high: float) -> Number:
    """0 up to `low`, 1 from `high` on, and linear between them."""
    ramp: Number = np.clip((values - low) / (high - low), 0, 1)
    return ramp
