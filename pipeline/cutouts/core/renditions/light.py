"""Resizes in linear light, with premultiplied alpha, and gives straight alpha back.

The mean of two stored values is darker than the light of two pixels together, so thin bright parts would fade when a
picture is shrunk. And the colour of a transparent pixel must not count, so colours are weighted by their alpha.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Doubles, Floats

_STRIP = 256
"""Rows that are converted to linear light at a time, so that memory does not grow with the photograph."""
_STEPS = 65535
"""Linear light is rounded to this many steps before it is looked up: at least 20 per level of sRGB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The tone curve of a colour space: `light`, float32 256, is the linear light of each level, 0…1, and `levels`,
    uint8 65536, the nearest level of each step of linear light."""

    light: Floats
    levels: Bytes

    @classmethod
    def of(cls, light: Floats) -> Self:
        """The curve with this linear light of each level, which does not fall. Black stays 0, and white 255."""
        levels = np.interp(_steps(), *np.unique(light, return_index=True)).round().astype(np.uint8)
        levels[-1] = 255
        return cls(light=light, levels=levels)


def _steps() -> Doubles:
    return np.arange(_STEPS + 1) / _STEPS


def _decoded() -> Floats:
    """The linear light of each level of sRGB (IEC 61966-2-1), float32 256."""
    stored = np.arange(256) / 255
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _encoded() -> Bytes:
    """The nearest level of sRGB of each step of linear light."""
    light = _steps()
    stored = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((255 * stored).round(), np.uint8)


SRGB = Curve(light=_decoded(), levels=_encoded())


def to_light(pixels: Bytes, curve: Curve = SRGB) -> Floats:
    """Levels as linear light, 0…1, float32 of the same shape."""
    return np.asarray(curve.light[pixels], np.float32)


def to_levels(light: Floats, curve: Curve = SRGB) -> Bytes:
    """Linear light, clipped to 0…1, as the nearest levels."""
    return np.asarray(
        curve.levels[(np.clip(light, 0, 1) * np.float32(_STEPS) + np.float32(0.5)).astype(np.uint16)], np.uint8
    )


def premultiplied(rgba: Bytes, curve: Curve = SRGB) -> Floats:
    """Straight colours with alpha as linear light multiplied by alpha, and alpha: float32 H×W×4, 0…1."""
    alpha = rgba[..., 3:].astype(np.float32) / np.float32(255)
    return np.concatenate([to_light(rgba[..., :3], curve) * alpha, alpha], axis=2)


def straight(light: Floats, curve: Curve = SRGB) -> Bytes:
    """Premultiplied linear light as straight colours with alpha, uint8 H×W×4. Under alpha 0 the colour is 0."""
    alpha = np.clip(light[..., 3:], 0, 1)
    levels = (alpha * np.float32(255)).round().astype(np.uint8)
    colour = to_levels(np.asarray(light[..., :3] / np.maximum(alpha, np.float32(1e-6)), np.float32), curve)
    return np.concatenate([np.where(levels > 0, colour, np.uint8(0)), levels], axis=2)


def resized_light(pixels: Bytes, width: int, height: int, curve: Curve = SRGB) -> Floats:
    """`pixels`, uint8 H×W×3 or H×W×4 with straight alpha, at `width`×`height` px: (premultiplied) linear light.

    Each target pixel is the mean of the area that it covers; what is enlarged is interpolated with cubics that do not
    overshoot.
    """
    convert: Callable[[Bytes, Curve], Floats] = premultiplied if pixels.shape[2] == 4 else to_light
    strips = [pixels[top : top + _STRIP] for top in range(0, pixels.shape[0], _STRIP)]
    rows = [_across(convert(strip, curve), width) for strip in strips]
    return _down(np.concatenate(rows) if len(rows) > 1 else rows[0], height)


def resized_alpha(alpha: Bytes, width: int, height: int) -> Floats:
    """`alpha`, uint8 H×W, at `width`×`height` px, float32 0…1, in the same way."""
    planes = alpha.astype(np.float32) / np.float32(255)
    return _down(_across(planes[..., None], width), height)[..., 0]


def _across(light: Floats, width: int) -> Floats:
    return _one_axis(light, (width, light.shape[0]), shrinks=width <= light.shape[1])


def _down(light: Floats, height: int) -> Floats:
    return _one_axis(light, (light.shape[1], height), shrinks=height <= light.shape[0])


def _one_axis(light: Floats, size: tuple[int, int], *, shrinks: bool) -> Floats:
    if (light.shape[1], light.shape[0]) == size:
        return light
    resized = cv2.resize(light, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    result = np.asarray(resized, np.float32).reshape(size[1], size[0], light.shape[2])
    return result if shrinks else _between(result, light)


def _between(enlarged: Floats, light: Floats) -> Floats:
    """`enlarged` along one axis, limited in place to what is between the two pixels of `light` beside each of its own.

    Cubics overshoot: in linear light, a pale product on grey would have a dark rim of up to 73 levels.
    """
    axis = 0 if enlarged.shape[0] != light.shape[0] else 1
    size, more = light.shape[axis], enlarged.shape[axis]
    before = np.floor((np.arange(more) + 0.5) * size / more - 0.5).astype(int)
    beside = [np.clip(before + step, 0, size - 1) for step in (0, 1)]
    for top in range(0, enlarged.shape[0], _STRIP):
        rows = slice(top, top + _STRIP)
        first, second = (light[places[rows]] if axis == 0 else light[rows][:, places] for places in beside)
        np.clip(enlarged[rows], np.minimum(first, second), np.maximum(first, second), out=enlarged[rows])
    return enlarged
