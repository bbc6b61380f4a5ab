"""Draws mistakes into saliency: parts of one colour that are lost, filled holes, ground that is included, and haze.

A network makes few mistakes on the products that it was trained on, so the second look learns from drawn mistakes.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats, Mask

RIGHT_SHARE, LOST_SHARE, FILLED_SHARE, ALONG_SHARE = 0.35, 0.40, 0.12, 0.03
"""Shares of images whose saliency is unchanged, loses parts, has its holes filled, or includes ground; in the others it
fades."""
FEWEST = 40
"""The smallest number of pixels in which a part is searched."""


def mistaken(rng: np.random.Generator, rgb: Bytes, alpha: Bytes, saliency: Floats) -> Floats:
    """`saliency`, possibly with a mistake, float32 (H, W); `rgb` (H, W, 3) and `alpha` (H, W) are of the same image."""
    shares = np.cumsum([RIGHT_SHARE, LOST_SHARE, FILLED_SHARE, ALONG_SHARE])
    match int(np.searchsorted(shares, rng.random(), side="right")):
        case 0:
            return saliency
        case 1:
            return _without_parts(rng, rgb, alpha, saliency)
        case 2:
            return _filled(rng, alpha, saliency)
        case 3:
            return _with_ground(rng, rgb, alpha, saliency)
    return np.asarray(saliency * np.float32(rng.uniform(0, 1)), np.float32)


def holes(alpha: Bytes) -> Mask:
    """The mask of holes: background that the product encloses, bool (H, W)."""
    open_ = np.pad((alpha < 128).astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(open_, None, (0, 0), 0)
    return np.asarray(open_[1:-1, 1:-1] > 0, np.bool_)


def _without_parts(rng: np.random.Generator, rgb: Bytes, alpha: Bytes, saliency: Floats) -> Floats:
    for _ in range(int(rng.integers(1, 4))):
        part = _alike(rng, rgb, alpha > 200, rng.uniform(8, 60))
        closed = cv2.morphologyEx(part, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        saliency = saliency * (1 - _soft(rng, closed, 0.5))
    return saliency


def _filled(rng: np.random.Generator, alpha: Bytes, saliency: Floats) -> Floats:
    return np.maximum(saliency, _soft(rng, holes(alpha).astype(np.uint8), 0.4))


def _with_ground(rng: np.random.Generator, rgb: Bytes, alpha: Bytes, saliency: Floats) -> Floats:
    """The saliency with an area of similar colour beside the product: a shadow, a reflection, or a piece of ground."""
    reach = int(rng.integers(3, 20))
    around = cv2.dilate((alpha > 30).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=reach) > 0
    part = _alike(rng, rgb, around & (alpha < 20), rng.uniform(2, 20))
    return np.maximum(saliency, _soft(rng, part, 0.3))


def _soft(rng: np.random.Generator, part: Bytes, least: float) -> Floats:
    """`part` with a soft edge, multiplied by a random factor from `least` to 1, float32 (H, W)."""
    soft = cv2.GaussianBlur(part.astype(np.float32), (0, 0), rng.uniform(0.6, 4))
    return np.asarray(soft * np.float32(rng.uniform(least, 1)), np.float32)


def _alike(rng: np.random.Generator, rgb: Bytes, where: Mask, spread: float) -> Bytes:
    """A connected part of `where` whose colours differ by less than `spread` levels, uint8 0 or 1 (H, W).

    Half of the time, it is only a piece of this part. It is empty if `where` has fewer than `FEWEST` pixels.
    """
    at = np.flatnonzero(where)
    if len(at) < FEWEST:
        return np.zeros(where.shape, np.uint8)
    y, x = divmod(int(rng.choice(at)), where.shape[1])
    off = np.abs(rgb.astype(np.int16) - rgb[y, x].astype(np.int16)).max(2).astype(np.float32)
    near = ((cv2.blur(off, (5, 5)) < spread) & where).astype(np.uint8)
    _, labels = cv2.connectedComponents(near)
    part = ((labels == labels[y, x]) & (near > 0)).astype(np.uint8)
    return part if rng.random() < 0.5 else np.asarray(part & _piece(rng, where.shape, x, y), np.uint8)


def _piece(rng: np.random.Generator, shape: tuple[int, ...], x: int, y: int) -> Bytes:
    """A disc around (x, y), or the area on one side of a line near it, uint8 0 or 1, of the given shape."""
    out = np.zeros(shape, np.uint8)
    if rng.random() < 0.5:
        cv2.circle(out, (x, y), int(rng.uniform(0.04, 0.35) * shape[0]), 1, -1)
        return out
    angle, beside = rng.uniform(0, 2 * np.pi), rng.uniform(-0.16, 0.04) * shape[0]
    rows, columns = np.indices(shape)
    out[(columns - x) * np.cos(angle) + (rows - y) * np.sin(angle) > beside] = 1
    return out
