"""From a photograph to the network's input: denoising, size and colour space.

Only this copy is changed. Published pixels never pass through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats, Photograph

ColourSpace = Literal["rgb", "bgr", "hsv", "lab"]

_CONVERSION = {
    "bgr": cv2.COLOR_RGB2BGR,
    "hsv": cv2.COLOR_RGB2HSV_FULL,
    "lab": cv2.COLOR_RGB2LAB,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How a photograph becomes the network's input; part of the recipe.

    Sizes in px; `denoise_sigma` in px of the input; `mean` and `std` per channel of 0…1, None if the graph has them.
    """

    width_px: int
    height_px: int
    letterbox: bool
    colour_space: ColourSpace = "rgb"
    denoise_sigma: float = 0.0
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    divide_by_own_maximum: bool = False


def network_input(photograph: Photograph, how: Preprocessing) -> Bytes | Floats:
    """The photograph as the network's input: uint8 height×width×3, or float32 3×height×width if it is normalised here.

    Existing alpha is composed on white. A letterbox is filled with grey (127).
    """
    pixels = _fit(_on_white(photograph), how)
    if how.denoise_sigma:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), how.denoise_sigma), np.uint8)
    if how.colour_space != "rgb":
        pixels = np.asarray(cv2.cvtColor(pixels, _CONVERSION[how.colour_space]), np.uint8)
    if how.mean is None or how.std is None:
        return pixels
    return _normalise(pixels, how.mean, how.std, 0 if how.divide_by_own_maximum else 255)


def inner_box(width: int, height: int, how: Preprocessing) -> tuple[int, int, int, int]:
    """Where a `width`×`height` photograph is in the network's input: left, top, width, height in px."""
    if not how.letterbox:
        return 0, 0, how.width_px, how.height_px
    scale = min(how.width_px / width, how.height_px / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    return (how.width_px - inner[0]) // 2, (how.height_px - inner[1]) // 2, *inner


def crop_saliency(saliency: Floats, width: int, height: int, how: Preprocessing) -> Floats:
    """The part of the network's output that the photograph fills; float32 h×w."""
    left, top, inner_width, inner_height = inner_box(width, height, how)
    return saliency[top : top + inner_height, left : left + inner_width]


def _on_white(photograph: Photograph) -> Photograph:
    if photograph.alpha is None:
        return photograph
    alpha = photograph.alpha[..., None].astype(np.uint16)
    blended = photograph.rgb * alpha + 255 * (255 - alpha)
    return Photograph(rgb=((blended + 127) // 255).astype(np.uint8))


def _fit(photograph: Photograph, how: Preprocessing) -> Bytes:
    left, top, width, height = inner_box(*photograph.size, how)
    small = photograph.shrunk(width, height)
    if not how.letterbox:
        return small
    canvas = np.full((how.height_px, how.width_px, 3), 127, np.uint8)
    canvas[top : top + height, left : left + width] = small
    return canvas


def _normalise(pixels: Bytes, mean: tuple[float, ...], std: tuple[float, ...], divisor: int) -> Floats:
    """float32 3×height×width; a `divisor` of 0 means the maximum of the pixels (as published for U²-Net)."""
    levels = _levels(mean, std, divisor or max(int(pixels.max()), 1))
    planes = [cv2.LUT(plane, row) for plane, row in zip(cv2.split(pixels), levels, strict=True)]
    return np.asarray(planes, np.float32)


@lru_cache(maxsize=256)
def _levels(mean: tuple[float, ...], std: tuple[float, ...], divisor: int) -> Floats:
    """The normalised value of each of the 256 levels of each channel, float32 3×256.

    It is computed in double precision and rounded once, as in the published code, so the result is the same to the last
    bit. It is looked up because there are far fewer levels than pixels.
    """
    levels = np.arange(256)[None] / divisor
    return np.asarray((levels - np.array(mean)[:, None]) / np.array(std)[:, None], np.float32)
