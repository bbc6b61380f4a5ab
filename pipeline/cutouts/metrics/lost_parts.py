"""Parts of a product that are missing, and parts of a matte that are not product: what a mean overlap hides.

A sole that is gone costs a shoe a tenth of its IoU, and a set of fifty shoes .002 of its mean.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import at_half, check

RIM_SHARE = 0.001
"""What is thinner than about twice this share of the diagonal is an edge that lies a little off, not a part."""


def lost_area(matte: Floats, truth: Floats) -> float:
    """Share of the product that is missing: Σ max(truth − matte, 0) / Σ truth, 0 to 1; 0 without a product."""
    check(matte, truth)
    return _share(truth - matte, truth)


def taken_along_area(matte: Floats, truth: Floats) -> float:
    """Share of the matte that is not product: Σ max(matte − truth, 0) / Σ matte, 0 to 1; 0 of an empty matte."""
    check(matte, truth)
    return _share(matte - truth, matte)


def largest_missing_part(matte: Floats, truth: Floats) -> float:
    """The largest connected part of the product that is missing, as a share of the product, 0 to 1; 0 without one.

    Both planes are taken at one half. The missing pixels are opened by a 3×3 square, as many steps as `RIM_SHARE` of
    the diagonal has pixels and at least one, so that thin rims neither count nor connect parts.
    """
    check(matte, truth)
    true = at_half(truth)
    area = int(np.count_nonzero(true))
    return _largest(true & ~at_half(matte)) / area if area else 0.0


def _share(excess: Floats, whole: Floats) -> float:
    total = float(whole.sum(dtype=np.float64))
    return float(np.maximum(excess, 0).sum(dtype=np.float64)) / total if total else 0.0


def _largest(missing: Mask) -> int:
    """Pixels of the largest 8-connected part of `missing` after the opening."""
    steps = max(1, round(RIM_SHARE * float(np.hypot(*missing.shape))))
    square = np.ones((3, 3), np.uint8)
    opened = cv2.morphologyEx(missing.view(np.uint8), cv2.MORPH_OPEN, square, iterations=steps)
    count, labels = cv2.connectedComponents(opened, connectivity=8)
    return int(np.bincount(labels.reshape(-1))[1:].max()) if count > 1 else 0
