"""The cutout: straight alpha, and soft pixels without the background's share of their colour."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.matting.colour_fill import spread_weighted
from cutouts.core.matting.pixel_lookup import Enlarged, Indices, Part, blocks
from cutouts.core.pixels import Bytes, Floats, Photograph, shrink

_REDUCTION = 8
"""Colours are spread at an eighth of the size. A quarter costs 6 ms more on 3 MP and reduces the error by 4 %."""
_ROWS = 32
"""Rows that are written at a time."""
_MARGIN = 32
"""Width of the background around the product that colours are taken from (px)."""
_GRID = 2 * _REDUCTION
"""The area that is worked on begins and, where the photograph is large enough, ends at multiples of this (px): OpenCV
halves even sides three times as fast as odd ones."""


def cutout(photograph: Photograph, matte: Bytes) -> Bytes:
    """uint8 H×W×4, sRGB with straight alpha; `matte` is uint8 H×W.

    Opaque pixels are the photograph's own, and the colours of soft pixels are estimated. Colours under alpha 0 are 0:
    nobody sees them, and the file takes half the time and bytes.

    A soft pixel shows αF + (1 − α)B. Nearby values of F and B are spread from the certain inside and outside (if one of
    them is missing, nothing changes). Of all pairs that give the pixel's colour, the one nearest to them is used, so
    textures and lights stay.

    Alpha-weighted mean error of the colours in the soft band (of 255), on 183 composites of products on plain, shaded
    and photographed backgrounds: unchanged 15.9, spread F alone 22.1, this method 7.7. With a network's own mattes,
    whose alpha is wrong too: unchanged 14.3, this method 13.8.
    """
    part = _part(matte)
    if part is None:
        return np.zeros((*matte.shape, 4), np.uint8)
    result, soft = _shown(photograph.rgb, matte, part), _soft(matte, part[0])
    near = _spread_colours(photograph, matte, part)
    if near is None:
        result.reshape(-1, 4)[soft, 3] = matte.reshape(-1).take(soft)
    else:
        _solve(result, matte, soft, Enlarged.to(matte.shape, *near, part=part))
    return result


def found_box(matte: Bytes) -> tuple[slice, slice]:
    """The rows and columns of `matte`, uint8 H×W, that are not empty; all of them if the matte is empty."""
    if not matte.any():
        return slice(None), slice(None)
    left, top, width, height = cv2.boundingRect(matte)
    return slice(top, top + height), slice(left, left + width)


def _part(matte: Bytes) -> Part | None:
    """The product's area, with some background around it; None if the matte is empty."""
    left, top, width, height = cv2.boundingRect(matte)
    if not width:
        return None
    return _widened(top, top + height, matte.shape[0]), _widened(left, left + width, matte.shape[1])


def _widened(begin: int, end: int, size: int) -> slice:
    """From `begin` to `end` along an axis of `size` px, with the margin and on the grid."""
    begin = max(0, begin - _MARGIN) // _GRID * _GRID
    return slice(begin, min(size, -(-(end + _MARGIN) // _GRID) * _GRID))


def _shown(rgb: Bytes, alpha: Bytes, part: Part) -> Bytes:
    """`rgb` where `alpha` is not 0, opaque, uint8 H×W×4, and 0 elsewhere, as everywhere outside of `part`; made some
    rows at a time, which fit into the cache."""
    result = np.empty((*alpha.shape, 4), np.uint8)
    within, columns = part
    for top in range(0, alpha.shape[0], _ROWS):
        result[top : top + _ROWS] = 0
        rows = slice(max(top, within.start), min(top + _ROWS, within.stop))
        if rows.start < rows.stop:
            rgba = cv2.cvtColor(rgb[rows, columns], cv2.COLOR_RGB2RGBA)
            cv2.copyTo(rgba, alpha[rows, columns], result[rows, columns])
    return result


def _soft(alpha: Bytes, rows: slice) -> Indices:
    """The pixels in these rows of `alpha` that are neither 0 nor 255, as flat indices of all its pixels."""
    soft = np.asarray(cv2.inRange(alpha[rows], 1, 254), np.uint8)
    soft &= 1  # 255 is not a Boolean
    pixels = np.flatnonzero(soft.view(np.bool_))
    pixels += rows.start * alpha.shape[1]
    return pixels


def _spread_colours(photograph: Photograph, matte: Bytes, part: Part) -> tuple[Floats, Floats] | None:
    """The colours of the certain inside and outside of `part`, spread everywhere, float32 h×w×4 each; None if one is
    missing."""
    height, width = matte.shape
    half = photograph.shrunk(max(1, width // 2), max(1, height // 2))  # four times cheaper, and the matte needed it too
    colours = np.asarray(cv2.cvtColor(half[_halved(part)], cv2.COLOR_RGB2RGBA), np.uint8)
    share = shrink(matte[part], colours.shape[1], colours.shape[0])
    inside, outside = (np.asarray(cv2.inRange(share, sure, sure), np.uint8) for sure in (255, 0))
    if not (inside.any() and outside.any()):
        return None
    size = max(1, 2 * colours.shape[1] // _REDUCTION), max(1, 2 * colours.shape[0] // _REDUCTION)
    return _spread_from(colours, inside, *size), _spread_from(colours, outside, *size)


def _halved(part: Part) -> Part:
    """`part` in a copy of half the size."""
    rows, columns = (slice(along.start // 2, max(along.start // 2 + 1, along.stop // 2)) for along in part)
    return rows, columns


def _solve(rgba: Bytes, alpha: Bytes, soft: Indices, near: Enlarged) -> None:
    """Write F and alpha into the pixels `soft` of `rgba`, which has their colours in the photograph: of all pairs that
    give the pixel's colour, the one nearest to front and back in `near`."""
    words, shares = rgba.view(np.uint32).reshape(-1), alpha.reshape(-1)
    for block in blocks(soft):
        share, shown = shares.take(block).astype(np.intp), words.take(block).view(np.uint8).astype(np.float32)
        colour, back = near.at(block)
        colour *= _OF_FRONT.take(share, 0)
        back *= _OF_BACK.take(share, 0)
        colour += back
        shown = shown.reshape(-1, 4)
        shown *= _OF_SHOWN.take(share, 0)
        own = cv2.add(colour, shown, dtype=cv2.CV_8U)  # rounds, and cuts at 0 and 255
        words[block] = own.view(np.uint32)[:, 0]


def _weights() -> tuple[Floats, Floats, Floats]:
    """The weights of front, back and shown colour in F, float32 256×4 each: by alpha, for r, g, b and 255, of which
    alpha remains.

    F = front + α / (α² + (1 − α)²) · (shown − α·front − (1 − α)·back), sorted by its terms.
    """
    share = np.linspace(0, 1, 256)[:, None]
    gain = share / (share**2 + (1 - share) ** 2)
    terms = (1 - gain * share, 0), (-gain * (1 - share), 0), (gain, share)
    front, back, shown = (np.hstack([rgb, rgb, rgb, np.full_like(rgb, own)]).astype(np.float32) for rgb, own in terms)
    return front, back, shown


_OF_FRONT, _OF_BACK, _OF_SHOWN = _weights()


def _spread_from(opaque: Bytes, sure: Bytes, width: int, height: int) -> Floats:
    """The colours of `opaque` (uint8 h×w×4) at pixels with `sure` 255, spread everywhere: float32 `height`×`width`×4;
    channel 4 is unused."""
    known = shrink(np.asarray(cv2.copyTo(opaque, sure), np.uint8), width, height).astype(np.float32)
    known[..., 3] /= np.float32(255)
    return spread_weighted(known)
