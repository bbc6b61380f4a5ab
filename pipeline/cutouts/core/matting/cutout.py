"""The cutout: straight alpha, the background's share taken out of the colours of the rim."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.matting.colour_fill import spread
from cutouts.core.matting.pixel_lookup import Enlarged, blocks
from cutouts.core.pixels import Bytes, Floats, Photograph, shrink

_REDUCTION = 8
"""Colours are spread at an eighth of the size: a quarter costs 6 ms more on 3 MP and gains 4 % of the error."""
_MARGIN = 32
"""How much background (px) around the product its colours are taken from."""


def cutout(photograph: Photograph, matte: Bytes) -> Bytes:
    """uint8 H×W×4, sRGB with straight alpha; `matte` is uint8 H×W.

    Opaque pixels are the photograph's own, colours of soft ones are estimated, colours under alpha 0 are 0: nobody
    sees them, and the file takes half the time and bytes.

    A soft pixel shows αF + (1 − α)B. Near values of F and B are spread from the sure inside and outside (without either
    nothing changes); of all pairs that give the pixel's colour the one nearest to them is taken, so textures and
    lights stay.

    Alpha-weighted mean error of the colours in the soft band, 183 composites of products over plain, shaded and
    photographed grounds, of 255: left alone 15.9, spread F alone 22.1, this 7.7; on a network's own mattes, whose alpha
    is wrong too, left alone 14.3 and this 13.8.
    """
    result = np.zeros((*matte.shape, 4), np.uint8)
    if matte.any():
        part = _part(matte)
        alpha = matte[part]
        cv2.copyTo(_with_own_colours(photograph.rgb[part], alpha), alpha, result[part])
    return result


def found_box(matte: Bytes) -> tuple[slice, slice]:
    """The rows and columns of `matte`, uint8 H×W, that hold anything; all of them if nothing does."""
    if not matte.any():
        return slice(None), slice(None)
    left, top, width, height = cv2.boundingRect(matte)
    return slice(top, top + height), slice(left, left + width)


def _part(matte: Bytes) -> tuple[slice, slice]:
    """Where the product lies, with some background around."""
    left, top, width, height = cv2.boundingRect(matte)
    rows = slice(max(0, top - _MARGIN), top + height + _MARGIN)
    return rows, slice(max(0, left - _MARGIN), left + width + _MARGIN)


def _with_own_colours(rgb: Bytes, alpha: Bytes) -> Bytes:
    """`rgb` with `alpha`, the product's own colour in its soft pixels; uint8 h×w×4."""
    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)
    cv2.mixChannels([alpha], [rgba], [0, 3])
    height, width = alpha.shape
    half = max(1, width // 2), max(1, height // 2)  # what follows is four times cheaper on pairs of pixels
    colours, share = shrink(rgb, *half), shrink(alpha, *half)
    inside, outside = (np.asarray(cv2.inRange(share, sure, sure), np.uint8) for sure in (255, 0))
    if not (inside.any() and outside.any()):
        return rgba
    size = max(1, width // _REDUCTION), max(1, height // _REDUCTION)
    front = Enlarged.to(width, height, _spread_from(colours, inside, *size))
    back = Enlarged.to(width, height, _spread_from(colours, outside, *size))
    _solve(rgba, alpha, front, back)
    return rgba


def _solve(rgba: Bytes, alpha: Bytes, front: Enlarged, back: Enlarged) -> None:
    """Write into soft pixels the F of that pair which gives their colour and is nearest to `front`, `back`."""
    words, shares = rgba.view(np.uint32).reshape(-1), alpha.reshape(-1)
    for block in blocks(alpha + np.uint8(1) > 1):  # neither 0 nor 255, which becomes 0
        share, shown = shares.take(block), words.take(block).view(np.uint8).reshape(-1, 4)
        colour = front.at(block) * _OF_FRONT.take(share, 0)
        colour += back.at(block) * _OF_BACK.take(share, 0)
        own = cv2.add(colour, shown * _OF_SHOWN.take(share, 0), dtype=cv2.CV_8U)  # rounds, and cuts at 0 and 255
        words[block] = own.view(np.uint32)[:, 0]


def _weights() -> tuple[Floats, Floats, Floats]:
    """How much of front, back and shown colour makes F, float32 256×4 each: by alpha, for r, g, b; alpha stays.

    F = front + α / (α² + (1 − α)²) · (shown − α·front − (1 − α)·back), sorted by its terms.
    """
    share = np.linspace(0, 1, 256)[:, None]
    gain = share / (share**2 + (1 - share) ** 2)
    terms = (1 - gain * share, 0), (-gain * (1 - share), 0), (gain, 1)
    front, back, shown = (np.hstack([rgb, rgb, rgb, np.full_like(rgb, own)]).astype(np.float32) for rgb, own in terms)
    return front, back, shown


_OF_FRONT, _OF_BACK, _OF_SHOWN = _weights()


def _spread_from(rgb: Bytes, sure: Bytes, width: int, height: int) -> Floats:
    """The colours of `rgb` where `sure` is 255, spread everywhere: float32 `height`×`width`×4, the fourth no colour."""
    colours = shrink(np.asarray(cv2.copyTo(rgb, sure), np.uint8), width, height).astype(np.float32)
    known = shrink(sure, width, height).astype(np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(spread(colours, known), cv2.COLOR_RGB2RGBA), np.float32)
