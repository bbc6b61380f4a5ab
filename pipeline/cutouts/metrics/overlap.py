"""Compares a matte with its truth, pixel by pixel and as two masks: error, overlap, boundary, precision and recall.

An empty prediction for an empty truth is perfect, so every ratio of 0 to 0 counts as 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats, Mask
from cutouts.metrics.planes import at_half, check

BOUNDARY_SHARE = 0.02


def mean_absolute_error(matte: Floats, truth: Floats) -> float:
    """Mean of |matte − truth| over all pixels, 0 (equal) to 1 (inverted)."""
    check(matte, truth)
    return float(np.mean(np.abs(matte - truth), dtype=np.float64))


def intersection_over_union(matte: Floats, truth: Floats) -> float:
    """Intersection over union of the two masks at one half, 0 to 1."""
    check(matte, truth)
    return _overlap(at_half(matte), at_half(truth))


def boundary_iou(matte: Floats, truth: Floats) -> float:
    """Intersection over union of the inner boundary bands of the two masks at one half, 0 to 1.

    Boundary IoU of Cheng et al. 2021 (arXiv 2103.16562): in each mask, only the pixels within d of its own contour
    count, where d is 2 % of the image's diagonal. The image's frame is a contour too, as in the authors' code.
    """
    check(matte, truth)
    distance = max(1, round(BOUNDARY_SHARE * float(np.hypot(*truth.shape))))
    return _overlap(_inner_band(at_half(matte), distance), _inner_band(at_half(truth), distance))


def precision_recall_f1(matte: Floats, truth: Floats) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean of the two masks at one half, each 0 to 1."""
    check(matte, truth)
    said, true = at_half(matte), at_half(truth)
    hits = int(np.count_nonzero(said & true))
    precision = _ratio(hits, int(np.count_nonzero(said)))
    recall = _ratio(hits, int(np.count_nonzero(true)))
    if hits == 0:
        return precision, recall, 1.0 if not (said.any() or true.any()) else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall)


def _overlap(said: Mask, true: Mask) -> float:
    return _ratio(int(np.count_nonzero(said & true)), int(np.count_nonzero(said | true)))


def _ratio(part: int, whole: int) -> float:
    """`part / whole`; 1 if `whole` is 0."""
    return part / whole if whole else 1.0


def _inner_band(mask: Mask, distance: int) -> Mask:
    """The pixels of `mask` that `distance` steps of 3×3 erosion remove; outside the frame, the mask counts as empty."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=distance)[1:-1, 1:-1]
    return np.asarray(mask & (eroded == 0), np.bool_)
