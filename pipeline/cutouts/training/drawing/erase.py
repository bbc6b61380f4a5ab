"""Removes the subject from photographs: what remains are streets, rooms and tables with their other contents, but no
product.

The hole is filled from the photograph itself, mirrored or moved, so that grain and sharpness match. Photographs that
keep their subject get such patches too, so that the network does not learn a seam as the sign of an empty scene.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats, Mask

MOST = 0.4
"""The largest share of a photograph that may be a hole; with larger holes, the result does not look natural."""
_DONORS = 6


def emptied(rng: np.random.Generator, rgba: Bytes) -> Bytes | None:
    """The photograph without its subject, uint8 (H, W, 4), alpha 0; None if the subject fills too much of it."""
    hole = _grown(rgba[..., 3] > 0)
    if hole.mean() > MOST:
        return None
    return np.dstack([_filled(rng, rgba[..., :3], hole), np.zeros(hole.shape, np.uint8)])


def patched(rng: np.random.Generator, rgba: Bytes, shape: Bytes) -> Bytes:
    """The photograph with its subject, uint8 (H, W, 4); the area that `shape`, the alpha of another photograph, covers
    beside the subject is filled."""
    height, width = rgba.shape[:2]
    other = cv2.resize(shape, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    hole = _grown(other) & ~_grown(rgba[..., 3] > 0)
    if hole.mean() > MOST:
        return rgba
    return np.dstack([_filled(rng, rgba[..., :3], hole, keep=rgba[..., 3] > 0), rgba[..., 3]])


def _grown(mask: Mask) -> Mask:
    """The mask with a margin that covers shadows and halos."""
    side = max(mask.shape) // 24 | 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _filled(rng: np.random.Generator, rgb: Bytes, hole: Mask, keep: Mask | None = None) -> Bytes:
    """`rgb` with the hole filled from a moved copy of itself, blended softly, uint8 (H, W, 3); pixels in `keep` are
    unchanged."""
    bad = hole if keep is None else hole | keep
    moved = [_moved(rng, np.dstack([rgb, bad.astype(np.uint8)])) for _ in range(_DONORS)]
    donor = min(moved, key=lambda copy: int((copy[..., 3][hole] > 0).sum()))
    around = _around(rgb, bad)
    fill = np.where(donor[..., 3:] > 0, around, donor[..., :3].astype(np.float32))
    share = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), max(hole.shape) * rng.uniform(0.003, 0.012))
    if keep is not None:
        share[keep] = 0
    return np.asarray(np.rint(rgb + share[..., None] * (fill - rgb)), np.uint8)


def _moved(rng: np.random.Generator, rgba: Bytes) -> Bytes:
    """The picture, mirrored half of the time, and moved by a random shift that wraps around."""
    picture = rgba[:, ::-1] if rng.random() < 0.5 else rgba
    height, width = picture.shape[:2]
    shift = (int(rng.integers(-height // 6, height // 6 + 1)), int(rng.integers(width)))
    return np.asarray(np.roll(picture, shift, axis=(0, 1)))


def _around(rgb: Bytes, bad: Mask) -> Floats:
    """The mean colour of pixels not in `bad` near each pixel, float32 (H, W, 3)."""
    sigma = max(bad.shape) / 10
    good = (~bad).astype(np.float32)
    weight = cv2.GaussianBlur(good, (0, 0), sigma)[..., None] + np.float32(1e-3)
    return np.asarray(
        (cv2.GaussianBlur(rgb * good[..., None], (0, 0), sigma) + 1e-3 * rgb.mean((0, 1))) / weight, np.float32
    )
