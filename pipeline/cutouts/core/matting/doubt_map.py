"""Where a matte is probably wrong, pixel by pixel, without a known matte to compare it with."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats

_REACH = 3
"""Half of the width (px) of an edge that is naturally soft."""
_CLEAR_EDGE = 40.0
"""A step in the photograph (levels of 8 bits) at which the contour of the matte is believed."""
_APART = 0.8
"""The doubt about a tiny part of the matte that is apart from the largest one; a part as large as that is not doubted,
because products come in pairs."""


def doubt_map(alpha: Bytes, rgb: Bytes | None = None) -> Floats:
    """The doubt about each pixel of a matte, float32 H×W in 0…1.

    `alpha` is uint8 H×W. It is doubtful where it is half transparent and not just an edge, where its contour follows no
    edge of the photograph `rgb` (uint8 H×W×3, if there is one), and where it is apart from the largest part.
    """
    doubt = np.maximum(_soft(alpha), _apart(alpha))
    return doubt if rgb is None else np.maximum(doubt, _unfounded(alpha, rgb))


def doubtful_places(doubt: Floats, alpha: Bytes, *, side: int, at_most: int) -> list[tuple[int, int]]:
    """The top left corners (x, y) of windows of `side` px on the edge of the matte, where it is most doubtful first.
    They do not overlap, and lie in the picture if it is large enough."""
    height, width = alpha.shape
    edge = cv2.dilate(_contour(alpha), np.ones((9, 9), np.uint8))
    at_edge = edge * doubt + np.float32(0.05) * doubt + np.float32(1e-3) * edge
    left = cv2.boxFilter(at_edge, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
    places = []
    for _ in range(at_most):
        _, most, _, (x, y) = cv2.minMaxLoc(left)
        if most <= 0:
            break
        places.append((max(0, min(x - side // 2, width - side)), max(0, min(y - side // 2, height - side))))
        left[max(0, y - side) : y + side, max(0, x - side) : x + side] = 0
    return places


def _soft(alpha: Bytes) -> Floats:
    """How half transparent each pixel is, except on an edge between inside and outside."""
    share = alpha.astype(np.float32) / np.float32(255)
    near = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    edge = cv2.dilate((alpha > 242).astype(np.uint8), near) & cv2.dilate((alpha < 13).astype(np.uint8), near)
    return np.asarray(4 * share * (1 - share) * (1 - edge), np.float32)


def _apart(alpha: Bytes) -> Floats:
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8), connectivity=8)
    if count <= 2:
        return np.zeros(alpha.shape, np.float32)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float32)
    doubts = _APART * (1 - areas / areas[1:].max())
    doubts[0] = 0
    return np.asarray(doubts[labels], np.float32)


def _unfounded(alpha: Bytes, rgb: Bytes) -> Floats:
    """How little the photograph changes at the contour of the matte."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    kernel = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    step = (cv2.dilate(smooth, kernel).astype(np.float32) - cv2.erode(smooth, kernel)).max(axis=2)
    weak = np.clip(1 - cv2.dilate(step, kernel) / np.float32(_CLEAR_EDGE), 0, 1)
    return np.asarray(weak * cv2.dilate(_contour(alpha), kernel), np.float32)


def _contour(alpha: Bytes) -> Floats:
    """1 on the inner contour of the matte, 0 elsewhere. The frame of the picture is not a contour."""
    inside = (alpha > 127).astype(np.uint8)
    eroded = cv2.erode(inside, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(inside - eroded, np.float32)
