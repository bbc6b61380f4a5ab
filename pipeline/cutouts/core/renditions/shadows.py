"""Shadows as a soft layer: float32, 0 (none) to 1 (black), in the frame of a rendition."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.matting.colour_fill import spread
from cutouts.core.pixels import Bytes, Floats, Mask, Photograph, shrink
from cutouts.core.renditions.light import SRGB, Curve, resized_alpha, to_light
from cutouts.core.renditions.placing import Placement

_LONG_SIDE = 512
"""Shadows are measured on a copy with this longest side (px): they are soft."""
_DARKER = 0.05
"""A ground that is darker than the surface fitted to it by this share is in shadow."""
_UNEVEN = 0.03
"""Spread of a plain ground around the fitted surface, as a share of its light. A ground above it is not plain."""
_SEEN = 0.05
"""Share of the photograph that must show its ground."""
_MOSTLY = 0.6
"""Share of a plain ground that is not in shadow. If more of it is dark, the surface is not its light."""
_THIN = 4
"""Half the width of what is too thin for a shadow (px of the copy): joints between boards, folds, stains."""
_REACH = 0.5
"""How far a shadow may reach from the product, as a share of the product's longer side."""
_BORDER = 0.05
"""The shadow fades to nothing over this share of the sides, so it never ends at the frame with a line."""
_TILT = 0.03
"""How far the two ends of the edge between floor and wall may differ in height, as a share of the photograph's."""
_GAP = 0.02
"""A shadow of the product begins this near to it, as a share of the longest side of the copy."""
_CONTACT_WIDTH, _CONTACT_HEIGHT = 0.02, 0.008
"""Softness of a contact shadow along and across the ground, as shares of the product's width."""
_STANDS = 0.05
"""What is this near to the lowest point of the product stands on the ground, as a share of its height."""


def kept_shadow(photograph: Photograph, matte: Bytes, placement: Placement, curve: Curve = SRGB) -> Floats | None:
    """The shadow that the photograph shows beside its product, H×W of the frame; None if its ground is not plain.

    A smooth surface is fitted to the light of the ground. What is darker than the surface and begins at the product is
    shadow, except a band from side to side. Below the product, the values beside it are spread.
    """
    scale = min(1.0, _LONG_SIDE / max(matte.shape))
    width, height = (max(1, round(scale * side)) for side in photograph.size)
    light = to_light(shrink(photograph.rgb, width, height), curve) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    product = resized_alpha(matte, width, height)
    ground = np.asarray(cv2.dilate((product > 0).astype(np.uint8), _disc(2)) == 0, np.bool_)
    clean = _fitted(light, ground)
    if clean is None:
        return None
    density = np.clip((1 - light / clean - _DARKER) / (1 - _DARKER), 0, 1).astype(np.float32)
    density = _without_band(density, ground)
    density = np.asarray(cv2.morphologyEx(_below(density, ground), cv2.MORPH_OPEN, _disc(_THIN)), np.float32)
    density = _below(np.where(_own(density, ground, product), density, np.float32(0)), ground)
    density = np.asarray(cv2.GaussianBlur(density, (0, 0), 2.0) * _fade(width, height) * _near(product), np.float32)
    return _in_frame(density, placement, width / photograph.size[0], height / photograph.size[1])


def contact_shadow(alpha: Floats, opacity: float) -> Floats:
    """A drawn shadow right below the lowest parts of `alpha`, float32 H×W of the frame, 0…1; at most `opacity` dark."""
    rows, columns = np.nonzero(alpha > 0.5)
    layer = np.zeros_like(alpha)
    if not rows.size:
        return layer
    wide = columns.max() - columns.min() + 1
    lowest = np.full(alpha.shape[1], -np.inf)
    np.maximum.at(lowest, columns, rows)
    reach = max(1.0, _STANDS * (rows.max() - rows.min() + 1))
    touches = np.clip(1 - (rows.max() - lowest) / reach, 0, 1)
    standing = np.flatnonzero(touches)
    softness = max(1.0, _CONTACT_WIDTH * wide), max(1.0, _CONTACT_HEIGHT * wide)
    below = lowest[standing].astype(int) + round(softness[1])
    layer[np.minimum(below, alpha.shape[0] - 1), standing] = touches[standing]
    soft = np.asarray(cv2.GaussianBlur(layer, (0, 0), softness[0], sigmaY=softness[1]), np.float32)
    darkest = max(float((soft * (1 - alpha)).max()), 1e-6)
    dark = np.minimum(soft * np.float32(opacity / darkest), np.float32(opacity))
    return np.asarray(dark * _fade(alpha.shape[1], alpha.shape[0]), np.float32)


def _fitted(light: Floats, ground: Mask) -> Floats | None:
    """The light of the ground without shadows: a smooth surface through its brighter part; None if it is not plain.

    The surface is a polynomial, with more freedom from top to bottom, where a sheet turns from floor to wall. Pixels
    that are darker than it are dropped and it is fitted again, so shadows do not pull it down.
    """
    if np.count_nonzero(ground) < _SEEN * light.size:
        return None
    y, x = np.mgrid[-1 : 1 : light.shape[0] * 1j, -1 : 1 : light.shape[1] * 1j]
    terms = np.stack([x**i * y**j for i in range(3) for j in range(7 - 2 * i)], axis=-1)
    kept = ground & (light > np.median(light[ground]) / 2)
    surface = light
    for _ in range(6):
        weights, *_ = np.linalg.lstsq(terms[kept], light[kept].astype(np.float64), rcond=None)
        surface = np.maximum(terms @ weights, 1e-3).astype(np.float32)
        kept = ground & (light > surface * (1 - _DARKER))
        if np.count_nonzero(kept) < _MOSTLY * np.count_nonzero(ground):
            return None
    brighter = np.maximum(light[ground] / surface[ground] - 1, 0)
    return surface if float(np.sqrt(np.mean(np.square(brighter)))) < _UNEVEN else None


def _without_band(density: Floats, ground: Mask) -> Floats:
    """`density` without what is as dark at both ends of its row: there, floor and wall meet."""
    width = max(1, round(_BORDER * density.shape[1]))
    ends = [(density[:, side] * ground[:, side]).mean(axis=1) for side in (slice(width), slice(-width, None))]
    rows = np.ones((2 * round(_TILT * density.shape[0]) + 1, 1), np.uint8)
    left, right = (cv2.dilate(end[:, None], rows) for end in ends)
    return np.asarray(np.maximum(density - np.minimum(left, right), 0), np.float32)


def _own(density: Floats, ground: Mask, product: Floats) -> Mask:
    """The pixels of the ground whose shadow is connected to the product."""
    seen = ((density > 0) & ground).astype(np.uint8)
    _, labels = cv2.connectedComponents(seen)
    beside = cv2.dilate((product > 0).astype(np.uint8), _disc(max(3, round(_GAP * max(product.shape))))) > 0
    touching = np.unique(labels[beside & (seen > 0)])
    return np.asarray(np.isin(labels, touching[touching > 0]), np.bool_)


def _below(density: Floats, ground: Mask) -> Floats:
    """`density` on the ground, and below the product what is beside it."""
    known = ground.astype(np.float32)
    filled = spread(np.repeat((density * known)[..., None], 3, axis=2), known)[..., 0]
    return np.where(ground, density, filled)


def _near(product: Floats) -> Floats:
    """1 beside the product, fading to 0 as far away as a shadow may reach."""
    rows, columns = np.nonzero(product > 0.5)
    if not rows.size:
        return np.zeros_like(product)
    reach = _REACH * max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    away = cv2.distanceTransform((product <= 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(np.clip(2 - 2 * away / reach, 0, 1), np.float32)


def _fade(width: int, height: int) -> Floats:
    """1 inside, fading to 0 at the border; float32 H×W."""
    planes = []
    for size in (height, width):
        away = np.minimum(np.arange(size), np.arange(size)[::-1])
        planes.append(np.clip(away / max(1.0, _BORDER * size), 0, 1).astype(np.float32))
    return np.minimum(planes[0][:, None], planes[1][None])


def _in_frame(density: Floats, placement: Placement, across: float, down: float) -> Floats:
    """`density`, at `across` and `down` of the photograph's size, where it is in the frame."""
    source, target = placement.source, placement.target
    x, y = target.width / (source.width * across), target.height / (source.height * down)
    matrix = np.array(
        [
            [x, 0, target.left - x * source.left * across + (x - 1) / 2],
            [0, y, target.top - y * source.top * down + (y - 1) / 2],
        ],
    )
    size = placement.width_px, placement.height_px
    placed = cv2.warpAffine(density, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(placed, np.float32) * _fade(*size)


def _disc(radius: int) -> Bytes:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
