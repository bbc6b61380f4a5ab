"""The cutout: straight alpha, the background's share taken out of the colours of the rim."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.colour import spread
from pipeline.core.matte import alpha_bytes
from pipeline.core.pixels import Bytes, Floats, Photograph, shrink
from pipeline.core.sampling import Enlarged, blocks

_REDUCTION = 8
"""Colours are spread at an eighth of the size: a quarter costs 6 ms more on 3 MP and gains 4 % of the error."""


def cutout(photograph: Photograph, alpha: Bytes) -> Bytes:
    """uint8 H×W×4, sRGB with straight `alpha`, the matte as `alpha_bytes` gives it.

    Opaque pixels are the photograph's own, colours of soft ones are estimated, colours under alpha 0 are 0: nobody
    sees them, and the file takes half the time and bytes.
    """
    rgb = _estimate(photograph.rgb, alpha)
    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)
    cv2.mixChannels([alpha], [rgba], [0, 3])
    words = rgba.view(np.uint32)[..., 0]
    np.multiply(words, alpha != 0, out=words)
    return rgba


def estimate_foreground(rgb: Bytes, matte: Floats) -> Bytes:
    """`rgb`, uint8 H×W×3, with the product's own colour in its soft pixels; `matte` is float32 H×W in 0…1.

    Soft is what the matte's 8 bits neither make 0 nor 255. A soft pixel shows αF + (1 − α)B. Near values of F and B
    are spread from the sure inside and outside (without either nothing changes); of all pairs that give the pixel's
    colour the one nearest to them is taken, so textures and lights stay.

    Alpha-weighted mean error of the colours in the soft band, 183 composites of products over plain, shaded and
    photographed grounds, of 255: left alone 15.9, spread F alone 22.1, this 7.5; on a network's own mattes, whose alpha
    is wrong too, 14.6, 27.4 and 14.0.
    """
    return _estimate(rgb, alpha_bytes(matte))


def _estimate(rgb: Bytes, alpha: Bytes) -> Bytes:
    height, width = alpha.shape
    half = max(1, width // 2), max(1, height // 2)  # what follows is four times cheaper on pairs of pixels
    colours, share = shrink(rgb, *half), shrink(alpha, *half)
    inside, outside = share == 255, share == 0
    soft = (alpha != 0) & (alpha != 255)
    if not (inside.any() and outside.any() and soft.any()):
        return rgb
    size = max(1, width // _REDUCTION), max(1, height // _REDUCTION)
    front = Enlarged.to(width, height, _spread_from(colours, inside, *size))
    back = Enlarged.to(width, height, _spread_from(colours, outside, *size))
    return _solve(rgb, alpha, soft, front, back)


def _solve(rgb: Bytes, alpha: Bytes, soft: NDArray[np.bool_], front: Enlarged, back: Enlarged) -> Bytes:
    """`rgb` with the F of each soft pixel: of all pairs that give its colour the one nearest to `front`, `back`."""
    result = rgb.copy()
    pixels, known, shares = result.reshape(-1, 3), rgb.reshape(-1, 3), alpha.reshape(-1)
    for block in blocks(soft):
        share = shares.take(block)[:, None] / np.float32(255)
        colour, ground = front.at(block), back.at(block)
        missing = known.take(block, 0) - share * colour - (1 - share) * ground
        colour += share / (share * share + (1 - share) * (1 - share)) * missing
        pixels[block] = np.clip(colour + np.float32(0.5), 0, 255)
    return result


def _spread_from(rgb: Bytes, sure: NDArray[np.bool_], width: int, height: int) -> Floats:
    """The colours of the `sure` pixels of `rgb` everywhere, float32 `height`×`width`×3."""
    mask = sure.astype(np.uint8) * np.uint8(255)
    colours = shrink(np.asarray(cv2.copyTo(rgb, mask), np.uint8), width, height).astype(np.float32)
    return spread(colours, shrink(mask, width, height).astype(np.float32) / np.float32(255))
