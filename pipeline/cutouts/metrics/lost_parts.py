"""Measures parts of a product that are missing, parts of a matte that are not product, and holes that stay closed.

A mean overlap hides both: a missing sole lowers the IoU of a shoe by a tenth, and the mean of a set of fifty shoes by
only 0.002.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import at_half, check

RIM_SHARE = 0.001
"""A region that is thinner than about twice this share of the diagonal is a slightly misplaced edge, not a part."""


def lost_area(matte: Floats, truth: Floats) -> float:
    """Share of the product that is missing: Σ max(truth − matte, 0) / Σ truth, 0 to 1; 0 without a product."""
    check(matte, truth)
    return _share(truth - matte, truth)


def taken_along_area(matte: Floats, truth: Floats) -> float:
    """Share of the matte that is not product: Σ max(matte − truth, 0) / Σ matte, 0 to 1; 0 for an empty matte."""
    check(matte, truth)
    return _share(matte - truth, matte)


def largest_missing_part(matte: Floats, truth: Floats) -> float:
    """The largest connected missing part of the product, as a share of the product, 0 to 1; 0 without a product.

    Both planes are thresholded at one half. The missing pixels are opened with a 3×3 square, with one step per pixel in
    `RIM_SHARE` of the diagonal and at least one, so that thin rims neither count nor connect parts.
    """
    check(matte, truth)
    true = at_half(truth)
    area = int(np.count_nonzero(true))
    return _largest(true & ~at_half(matte)) / area if area else 0.0


def opened_holes(matte: Floats, truth: Floats) -> float | None:
    """Share of the ground in the holes of a product that the matte shows, 0 to 1; None without a hole.

    A hole is ground (truth below one half) that the product encloses: inside a ring, between the spokes of a wheel,
    behind a handle. It is opened with the same square as a missing part, so that a slit of a few pixels is none.
    """
    check(matte, truth)
    ground = np.pad((~at_half(truth)).view(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(ground, connectivity=4)
    enclosed = (ground.astype(bool) & (labels != labels[0, 0]))[1:-1, 1:-1]
    holes = _without_rims(enclosed)
    return float(1.0 - matte[holes].mean(dtype=np.float64)) if holes.any() else None


def _share(excess: Floats, whole: Floats) -> float:
    total = float(whole.sum(dtype=np.float64))
    return float(np.maximum(excess, 0).sum(dtype=np.float64)) / total if total else 0.0


def _largest(missing: Mask) -> int:
    """The number of pixels in the largest 8-connected part of `missing` that is not a rim."""
    count, labels = cv2.connectedComponents(_without_rims(missing).view(np.uint8), connectivity=8)
    return int(np.bincount(labels.reshape(-1))[1:].max()) if count > 1 else 0


def _without_rims(region: Mask) -> Mask:
    """The region without thin parts: opened with a 3×3 square, a step per pixel in `RIM_SHARE` of the diagonal."""
    steps = max(1, round(RIM_SHARE * float(np.hypot(*region.shape))))
    square = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(region.view(np.uint8), cv2.MORPH_OPEN, square, iterations=steps)
    return np.asarray(opened, bool)
