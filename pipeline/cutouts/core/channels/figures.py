"""The figures of a finished file, measured on its decoded pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from scipy import ndimage

from cutouts.core.pixels import VISIBLE, Bytes, Mask

Pixel: TypeAlias = tuple[int, int]
"""Column and row."""

FIGURES_METHOD = "figures-2"
"""Version of the code that measures files. Whoever changes its results raises it, so that pictures are checked again.
"""
SAME_GROUND = 3
"""Pixels that are connected to the border and differ by at most this many levels from it are the ground."""
_HALF, _CUT = 128, 0.01
_PALE = 200
"""A separate part that is nowhere darker than this level is not a part of the product."""
_RINGING = 9
"""Ground this near to the product (px) is judged by a figure of its own: blocks of a JPEG that show an edge ring."""
_SOFT = 1
"""Ground this near to the product (px) is not judged: it is a part of its soft edge."""
_BAND = 0.01
"""Width of the band along the border in which every pixel must be white, as a share of the shorter side."""
_LINE = 0.9
"""If this share of a side's outermost pixels is not ground, it is a frame line, and not a product that is cut off."""
_INSIDE = 0.03
"""A frame ends within this share of the shorter side."""
_SHARP_SIDE = 1000
"""Sharpness is measured on a copy with this longest side (px), so that it does not depend on the size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFigures:
    """The figures that are measured on pixels. Shares are 0…1; `places` has the worst pixel of a figure, if it has one.

    `fill` is the longest share of the frame's side that the product's bounding box takes, `fill_area` the product's
    share of the area. `off_white` is the largest distance of the ground from 255, in the band along the border and
    everywhere else beyond the ringing of a JPEG; `off_white_near` is that within 8 px of the product, up to its soft
    edge; 0 if the ground is transparent. `cut_sides` and `line_sides` count the sides of the frame that cut the
    product, or show a line. `sharpness` is the variance of the Laplacian in the product.
    """

    transparent: float
    fill: float
    fill_area: float
    off_white: float
    off_white_near: float
    cut_sides: int
    line_sides: int
    sharpness: float
    places: Mapping[str, Pixel]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFigures(PictureFigures):
    """The figures of one file: of its pixels, and what else a marketplace limits. Sizes are in px and B.

    `source_cut_sides` counts the sides of the photograph that cut the product; 0 for a file whose photograph is not
    known.
    """

    name: str
    width_px: int
    height_px: int
    longest_px: int
    shortest_px: int
    sum_px: int
    megapixels: float
    aspect: float
    bytes: int
    format: str
    suffix: str
    suffix_matches: str
    colours: str
    bits: int
    profile: str
    animated: str
    dpi: float
    source_cut_sides: int = 0


def measure_picture(rgb: Bytes, alpha: Bytes | None) -> PictureFigures:
    """Measure a decoded picture, uint8 H×W×3; `alpha`, uint8 H×W, is None if it is opaque. It is looked at on white."""
    seen = rgb if alpha is None else _on_white(rgb, alpha)
    share = 0.0 if alpha is None else float((alpha < 255).mean())
    alpha = None if alpha is None or not _has_clear_ground(alpha) else alpha
    product = np.asarray(_not_ground(seen) if alpha is None else alpha >= VISIBLE, np.bool_)
    far = _far(product)
    off, worst = _off_white(seen, far)
    near, nearest = _off_white(seen, _near(product, far)) if alpha is None else (0.0, (0, 0))
    lines, cuts, touched = _sides(product)
    framed = _framed_sides(seen) if alpha is None else 0
    if framed > lines:
        lines, touched = framed, touched or (0, 0)
    places = ({"off_white": worst} if off else {}) | ({"off_white_near": nearest} if near else {})
    if touched is not None:
        places |= dict.fromkeys(("cut_sides", "line_sides"), touched)
    return PictureFigures(
        transparent=share,
        fill=_fill(product),
        fill_area=float(product.mean()),
        off_white=off,
        off_white_near=near,
        cut_sides=cuts,
        line_sides=lines,
        sharpness=_sharpness(seen, product),
        places=places,
    )


def source_cut_sides(alpha: Bytes) -> int:
    """The number of sides of a photograph that cut its product, from the alpha of its cutout, uint8 H×W.

    A side cuts the product if it shows at least 1 % of its length of it.
    """
    sides = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
    return sum(int(np.count_nonzero(side >= _HALF)) >= max(1, _CUT * side.size) for side in sides)


def _on_white(rgb: Bytes, alpha: Bytes) -> Bytes:
    share = alpha[..., None].astype(np.uint16)
    return ((rgb * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)


def _has_clear_ground(alpha: Bytes) -> bool:
    """Whether at least 1 % of the border is transparent. Otherwise alpha does not say what is ground."""
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    return bool((border < VISIBLE).mean() >= _CUT)


def _not_ground(seen: Bytes) -> Mask:
    """Everything that is not connected to the border with about its colour; so white inside a product is not ground."""
    usual = np.median(np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]]), axis=0)
    same = cv2.inRange(seen, np.ceil(usual - SAME_GROUND), np.floor(usual + SAME_GROUND))
    _, labels = cv2.connectedComponents(cv2.copyMakeBorder(same, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255))
    return _without_remains(np.asarray(labels[1:-1, 1:-1] != labels[0, 0], np.bool_), seen)


def _without_remains(found: Mask, seen: Bytes) -> Mask:
    """`found` without pale parts beside the largest part: they are remains of a ground that is not quite white."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    if count <= 2:
        return found
    darkest = np.asarray(ndimage.minimum(_lowest(seen), labels, np.arange(count)))
    remains = darkest >= _PALE
    remains[[0, 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())]] = False
    return np.asarray(found & ~remains[labels], np.bool_)


def _far(product: Mask) -> Mask:
    """The ground beyond the ringing of a JPEG, and the band along the border with all that is in it."""
    height, width = product.shape
    far = _beyond(product, _RINGING - 1)
    band = max(1, round(_BAND * min(height, width)))
    far[:band] = far[-band:] = True
    far[:, :band] = far[:, -band:] = True
    return far


def _near(product: Mask, far: Mask) -> Mask:
    """The ground that may ring, without the soft edge of the product."""
    return np.asarray(_beyond(product, _SOFT) & ~far, np.bool_)


def _beyond(product: Mask, distance: int) -> Mask:
    """The ground that is more than `distance` px away from the product, along a row, a column or a diagonal."""
    side = 2 * distance + 1
    return np.asarray(cv2.erode((~product).astype(np.uint8), np.ones((side, side), np.uint8)) > 0, np.bool_)


def _off_white(seen: Bytes, ground: Mask) -> tuple[float, Pixel]:
    """The largest distance of a ground pixel from 255, and where it is."""
    distance = np.where(ground, 255 - _lowest(seen), 0)
    row, column = divmod(int(distance.argmax()), ground.shape[1])
    return float(distance[row, column]), (column, row)


def _lowest(seen: Bytes) -> Bytes:
    """The lowest of the three levels of each pixel, uint8 H×W; NumPy's own `min` along the last axis is slow."""
    return np.minimum(np.minimum(seen[..., 0], seen[..., 1]), seen[..., 2])


def _fill(product: Mask) -> float:
    _, _, width, height = cv2.boundingRect(product.astype(np.uint8))
    return float(max(width / product.shape[1], height / product.shape[0]))


def _sides(product: Mask) -> tuple[int, int, Pixel | None]:
    """The numbers of sides with a frame line and with a cut product, and the first such pixel."""
    lines = cuts = 0
    first: Pixel | None = None
    height, width = product.shape
    last = {"top": 0, "bottom": height - 1, "left": 0, "right": width - 1}
    for name, side in {
        "top": product[0],
        "bottom": product[-1],
        "left": product[:, 0],
        "right": product[:, -1],
    }.items():
        found = np.flatnonzero(side)
        if not found.size:
            continue
        place = (int(found[0]), last[name]) if name in ("top", "bottom") else (last[name], int(found[0]))
        first = first or place
        if found.size >= _LINE * side.size:
            lines += 1
        else:
            cuts += 1
    return lines, cuts, first


def _framed_sides(seen: Bytes) -> int:
    """The number of sides whose outermost pixels have one colour that is not white, and another one than the picture a
    little further in; all four if there is a frame with ground around it.

    A frame on all sides has the usual colour of the border, so it looks like the ground of everything inside of it. One
    with ground around it looks like the outline of a product.
    """
    depth = max(2, round(_INSIDE * min(seen.shape[:2])))
    turned = (seen, seen[::-1], seen.transpose(1, 0, 2), seen.transpose(1, 0, 2)[::-1])
    if all(any(_is_line(side[row], side[0], side[depth]) for row in range(1, depth)) for side in turned):
        return len(turned)
    return sum(_is_line(side[0], np.full_like(side[0], 255), side[depth]) for side in turned)


def _is_line(pixels: Bytes, outside: Bytes, inside: Bytes) -> bool:
    """Whether a row or column has one colour, and another one than the row or column outside and that inside of it."""
    usual = np.median(pixels, axis=0)
    if any(np.abs(usual - np.median(other, axis=0)).max() <= SAME_GROUND for other in (outside, inside)):
        return False
    return float((np.abs(pixels - usual).max(axis=1) <= SAME_GROUND).mean()) >= _LINE


def _sharpness(seen: Bytes, product: Mask) -> float:
    scale = min(1.0, _SHARP_SIDE / max(product.shape))
    size = max(1, round(scale * product.shape[1])), max(1, round(scale * product.shape[0]))
    grey = cv2.resize(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    inside = cv2.resize(product.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return float(cv2.Laplacian(grey, cv2.CV_32F)[inside].var()) if inside.any() else 0.0
