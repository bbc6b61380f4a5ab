"""Measurements of a matte without a known matte, for the gate.

Shapes are measured on a copy whose long side has at most 256 px, so lengths are shares of that side. On 240 photographs
the metrics that the gate uses correlate to 0.9999 with the same on 512 px, for a third of the time. If a matte lacks
what a metric measures (product, contour, rim), the metric has the value of a faultless matte. Only `coverage` 0 says
that the matte is empty: one cause, one reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.mask_metrics import Measurements
from cutouts.core.matting.doubt import doubt, worst_doubt
from cutouts.core.matting.looks import Look
from cutouts.core.matting.surroundings import surroundings
from cutouts.core.pixels import Bytes, Floats, Mask, Photograph, shrink, size_within

Outlines: TypeAlias = Sequence[NDArray[np.int32]]
"""Closed contours, each n×1×2 (x, y)."""
LONG_SIDE = 256
"""Longest side of the copy that is measured (px)."""
INSIDE_SHARE = 0.02
"""Distance between the product's outer contour and the inside, as a share of the long side: rims and hair may be soft.
"""
NOTABLE_PART = 0.01
"""Parts smaller than this share of the product's area are not counted."""
EDGE_REACH = 1
"""A contour pixel is on an image edge if the edge is at most this far away along each axis (px; 0.4 % of the side)."""
BESIDE = 6
"""What is nearer to the contour than this is beside it (px of the copy; 2.3 % of its side)."""
SMOOTH = 2.0
"""The standard deviation of the smoothing that `roughness` compares with (px of the copy, .8 % of its side)."""
_CLOSE = np.zeros((7, 7), np.uint8)
"""The pixels that are nearer to the contour than 3 px of the copy (1.2 % of its side): steps along an axis count 0.955
px and diagonal ones 1.3693 px, as in `cv2.distanceTransform` (Borgefors 1986), which takes five times as long."""
_CLOSE[1:-1, 1:-1] = _CLOSE[3, :] = _CLOSE[:, 3] = 1
RIM = 1
"""Width of the rim that `fringe` compares with the inside beside it (px of the copy, 0.4 % of its side)."""
_MARGIN = 8
"""Most is measured only where the matte is not empty, with this much around it (px of the copy): more than any window
that looks beside the product reaches."""

_GROUP = 32
"""Values per group, when the highest of many values are searched."""
_HALF, _FAINT, _HAZE, _SOLID = 128, 26, 13, 242
"""As 8-bit values: one half, a tenth, and the limits (5 %, 95 %) between which the inside counts as soft."""


def measure_look(look: Look, matte: Bytes) -> Measurements:
    """Measure what the network saw of `matte`, uint8 H×W of the whole photograph."""
    return measure(look.saliency, look.seen, matte[look.area])


def measure(saliency: Floats, photograph: Photograph, matte: Bytes) -> Measurements:
    """Measure a matte. `saliency` is float32 h×w, the network's output; `matte` is uint8 H×W at source size."""
    alpha, rgb = _reduced(matte, photograph)
    part = _part(alpha)
    mask = _at_least(alpha[part], _HALF)
    outlines = _outlines(mask)
    filled = _filled(outlines, mask)
    areas = _areas(mask, outlines, filled)
    said = np.asarray(cv2.resize(saliency, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_AREA), np.float32)
    np.clip(said, 0, 1, out=said)  # means of ones may be above 1 by rounding
    contour, edges = mask & ~_erode(mask, 1), _edges(rgb)[part]
    beside = surroundings(alpha, rgb)
    return Measurements(
        saliency_peak=_peak(saliency),
        saliency_mean=float(np.mean(saliency, dtype=np.float64)),
        coverage=cv2.norm(matte, cv2.NORM_L1) * (1 / matte.size) / 255,
        soft_inside=_soft_inside(alpha[part], INSIDE_SHARE * max(alpha.shape)),
        components=int(np.count_nonzero(areas >= max(1.0, NOTABLE_PART * areas.sum()))),
        frame_contact=_frame_contact(_at_least(alpha, _HALF)),
        edge_alignment=_edge_alignment(contour, edges),
        fringe=_fringe(alpha[part], rgb[part]),
        saliency_doubt=doubt(said),
        matte_doubt=doubt(alpha.astype(np.float32) / np.float32(255)),
        worst_doubt=worst_doubt(said),
        islands=1.0 - float(areas.max() / areas.sum()) if areas.size else 0.0,
        thin=_thin(mask),
        holes=_share(filled & ~mask, filled, nothing=0.0),
        roughness=_roughness(mask, outlines),
        edges_outside=_edges_outside(mask, contour, edges),
        background_known=beside.background_known,
        left_behind=beside.left_behind,
        taken_along=beside.taken_along,
        filled_holes=beside.filled_holes,
        shadow=beside.shadow,
    )


def _reduced(alpha: Bytes, photograph: Photograph) -> tuple[Bytes, Bytes]:
    size = size_within(alpha.shape[1], alpha.shape[0], LONG_SIDE)
    return shrink(alpha, *size), photograph.shrunk(*size)


def _part(alpha: Bytes) -> tuple[slice, slice]:
    """The rows and columns of `alpha` that are not empty, with the margin; at least one of each."""
    left, top, width, height = cv2.boundingRect(alpha)
    beside = slice(max(0, top - _MARGIN), top + height + _MARGIN)
    return beside, slice(max(0, left - _MARGIN), left + width + _MARGIN)


def _at_least(alpha: Bytes, value: int) -> Bytes:
    """255 where `alpha` is at least `value`, else 0."""
    return np.asarray(cv2.threshold(alpha, value - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _peak(saliency: Floats) -> float:
    """The 99.9th percentile: the highest value, ignoring specks. A quarter of the pixels is enough to compute it."""
    some = saliency[::2, ::2].reshape(-1)
    rank = int(0.999 * (some.size - 1))
    high = _highest(some, some.size - rank)
    return float(np.partition(high, rank - some.size)[rank - some.size])


def _highest(values: Floats, count: int) -> Floats:
    """At least `count` of the highest of `values`, and few others: the groups whose maximum reaches the lowest of the
    `count` highest maxima."""
    groups = values.size // _GROUP
    if groups < count:
        return values
    grouped = values[: groups * _GROUP].reshape(_GROUP, groups)
    maxima = grouped.max(axis=0)
    high = np.flatnonzero(~(maxima < np.partition(maxima, -count)[-count]))
    return np.concatenate([grouped.take(high, 1).reshape(-1), values[groups * _GROUP :]])


def _soft_inside(alpha: Bytes, beyond: float) -> float:
    """Share of the inside, including holes, whose matte is neither nearly 0 nor nearly 1. The inside is further than
    `beyond` px from the outer contour.

    The outer contour is at a tenth. At one half, a matte that is hazy everywhere would have none (and of scenes without
    a product only half as many would stand out, with the same measurements for good masks).
    """
    filled = _filled(_outlines(_at_least(alpha, _FAINT)), alpha)
    inside = np.asarray(cv2.erode(filled, _disc(beyond)), np.uint8) > 0
    soft = inside & (alpha > _HAZE) & (alpha < _SOLID)
    return _share(soft, inside, nothing=0.0)


@lru_cache(maxsize=256)
def _disc(radius: float) -> Bytes:
    """1 for what is at most `radius` px from the middle, by the distance of `cv2.distanceTransform`, else 0. To erode
    with it takes half of the time of measuring all distances."""
    reach = int(radius / 0.9) + 1
    middle = np.ones((2 * reach + 1,) * 2, np.uint8)
    middle[reach, reach] = 0
    far = np.asarray(cv2.distanceTransform(middle, cv2.DIST_L2, 3), np.float32) > radius
    return np.asarray(~far, np.uint8)


def _areas(mask: Bytes, outlines: Outlines, filled: Bytes) -> NDArray[np.int64]:
    """Pixels of each separate part of the product. A single outline without holes has a single part."""
    area = np.count_nonzero(mask)
    if len(outlines) == 1 and area == np.count_nonzero(filled):
        return np.asarray([area], np.int64)
    _, labels = cv2.connectedComponents(mask)
    return np.bincount(labels.reshape(-1))[1:]


def _thin(mask: Bytes) -> float:
    """Share of the product that is close to its contour: near 1 for wire and poles, whose masks are always soft."""
    far = cv2.erode(mask, _CLOSE)
    return _share(mask > far, mask, nothing=0.0)


def _frame_contact(mask: Bytes) -> float:
    """Share of the outermost pixels that the product covers."""
    inner = mask[1:-1, 1:-1]
    return int(np.count_nonzero(mask) - np.count_nonzero(inner)) / (mask.size - inner.size)


def _edges(rgb: Bytes) -> Bytes:
    """255 at the edges of the photograph (Canny 1986), else 0. Shrinking has smoothed the copy."""
    return np.asarray(cv2.Canny(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 40, 120), np.uint8)


def _edge_alignment(contour: Bytes, edges: Bytes) -> float:
    """Share of the contour, except along the frame, that coincides with an edge of the photograph."""
    return _share(contour & _dilate(edges, EDGE_REACH), contour, nothing=1.0)


def _edges_outside(mask: Bytes, contour: Bytes, edges: Bytes) -> float:
    """Edges of the photograph beside the contour, outside of it, as a share of its length, at most 1: thin parts that
    leave the matte, or a scene that is not plain."""
    beside = _dilate(mask, BESIDE) & ~_dilate(mask, EDGE_REACH + 1)
    return min(1.0, _share(edges & beside, contour, nothing=0.0))


def _roughness(mask: Bytes, outlines: Outlines) -> float:
    """How much longer the outer contour is than that of the smoothed product, as a share of the latter, 0…1. Products
    that are too thin to be smoothed have none."""
    smooth = np.asarray(cv2.GaussianBlur(mask, (0, 0), SMOOTH), np.uint8)
    length = _length(_outlines(_at_least(smooth, _HALF)))
    return min(1.0, max(0.0, _length(outlines) / length - 1)) if length else 0.0


def _outlines(mask: Bytes) -> Outlines:
    """The outer contours of `mask`."""
    return cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]


def _length(outlines: Outlines) -> float:
    """The length of the contours (px)."""
    return sum(cv2.arcLength(outline, True) for outline in outlines)


def _filled(outlines: Outlines, like: Bytes) -> Bytes:
    """255 within the contours, else 0, as large as `like`."""
    filled = np.zeros_like(like)
    cv2.drawContours(filled, outlines, -1, 255, cv2.FILLED)
    return filled


def _fringe(alpha: Bytes, rgb: Bytes) -> float:
    """Mean CIELAB distance between the solid rim, which keeps the photograph's colours, and the inside beside it.

    The inside is averaged within twice the rim's width. Rims of parts without an inside are ignored.
    """
    solid = _at_least(alpha, _SOLID)
    inside = _erode(solid, RIM)
    rim = np.flatnonzero((solid & _dilate(inside, 2 * RIM)) > inside)
    if not rim.size:
        return 0.0
    opaque = np.asarray(cv2.copyTo(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), inside), np.uint8)
    sums = np.asarray(cv2.boxFilter(opaque, cv2.CV_16U, (4 * RIM + 1,) * 2, normalize=False), np.uint16)
    near = sums.reshape(-1, 4).take(rim, 0).astype(np.float32)
    beside: Floats = near[:, :3] * (np.float32(255) / near[:, 3:])
    difference = _lab(rgb.reshape(-1, 3).take(rim, 0).astype(np.float32)) - _lab(beside)
    return float(np.linalg.norm(difference, axis=1).mean())


def _erode(mask: Bytes, reach: int) -> Bytes:
    """`mask` without the pixels within `reach` px of its contour; the frame is not a contour."""
    return np.asarray(cv2.erode(mask, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8)


def _dilate(mask: Bytes, reach: int) -> Bytes:
    """`mask` and the pixels within `reach` px of it."""
    return np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8)


def _lab(rgb: Floats) -> Floats:
    """CIELAB (D65) of sRGB colours, float32 n×3 in 0…255."""
    lab: Floats = np.asarray(cv2.cvtColor(rgb[None] / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)[0]
    return lab


def _share(part: Mask | Bytes, whole: Mask | Bytes, *, nothing: float) -> float:
    """The share of the pixels of `whole` that are in `part`; `nothing` if `whole` has none."""
    total = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part)) / total if total else nothing
