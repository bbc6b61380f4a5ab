"""Lights objects: two soft boxes, a bright floor, and a studio sweep behind them.

Colours are sRGB 0..1. Light is added linearly (with an approximate gamma of 2) and converted back to sRGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cutouts.core.pixels import Floats
from cutouts.samples.canvas import Layer, Size, Surface, Window, blur, ellipse, grid, noise, polygon

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a material reflects light: `gloss` 0 (chalk) to 1 (glaze), `ambient` the share of light from all sides."""

    gloss: float = 0.5
    ambient: float = 0.42


def paint(colour: Colour, like: Floats) -> Floats:
    """`colour` in every pixel of a plane with the size of `like`, float32 H×W×3."""
    return np.broadcast_to(np.asarray(colour, np.float32), (*like.shape[:2], 3)).copy()


def lit(surface: Surface, albedo: Floats, finish: Finish) -> Layer:
    """`surface` of colour `albedo` (sRGB H×W×3) under a key light from the upper left and a fill from the right."""
    x, y, z = surface.normal[..., 0], surface.normal[..., 1], surface.normal[..., 2]
    key = np.clip((-0.5 * x - 0.5 * y + 0.7 * z + 0.25) / 1.25, 0, 1)
    bounce = np.clip(y, 0, 1) * 0.18 + np.clip(x, 0, 1) * 0.08
    diffuse = finish.ambient * (0.55 + 0.45 * z) + 0.72 * key + bounce
    aside, up = x / (z + 0.6), y / (z + 0.6)  # increases with the angle, so that each box is reflected once
    left = _box(aside, -0.30, 0.05) * _box(up, -0.16, 0.26)
    right = _box(aside, 0.66, 0.02) * _box(up, -0.10, 0.30)
    edge = np.square(np.square(1 - z))
    shine = finish.gloss * (0.62 * left + 0.22 * right + 0.12 * edge)
    light = np.square(albedo) * diffuse[..., None] + shine[..., None]
    return Layer(window=surface.window, rgb=np.sqrt(np.clip(light, 0, 1)).astype(np.float32), alpha=surface.coverage)


def _box(value: Floats, centre: float, half: float) -> Floats:
    """1 within `half` of `centre`, falling off softly."""
    off = np.clip((np.abs(value - centre) - half) / 0.08 + 0.5, 0, 1)
    return np.asarray(1 - off * off * (3 - 2 * off), np.float32)


def sweep(size: Size, *, colour: Colour, horizon: float, seed: int) -> Floats:
    """An empty studio sweep: the floor becomes the wall at `horizon` px, with a light spot behind and paper grain; sRGB
    H×W×3."""
    x, y = grid(Window.whole(size))
    width, height = size
    across = np.exp(-np.square((x - 0.45 * width) / (0.62 * width)))
    upright = np.exp(-np.square((y - 0.42 * height) / (0.62 * height)))
    floor = 1 / (1 + np.exp((horizon - y) / (0.05 * height)))
    grain = noise(np.random.default_rng(seed), size, 240, 5) * 0.004
    light = 0.80 + 0.16 * across * upright + 0.05 * floor * (1 - y / height) + grain
    image = np.clip(np.asarray(colour, np.float32) * (light * 1.04)[..., None], 0, 1)
    return np.asarray(image, np.float32)


def shadow(size: Size, *, foot: Floats, strength: float, reach: float) -> Floats:
    """The share of light that reaches the floor, H×W 0..1: dark where `foot` touches it, with a soft shadow to the
    lower right."""
    whole = Window.whole(size)
    contact = blur(polygon(whole, foot), 0.12 * reach)
    cast = blur(polygon(whole, foot + np.asarray([0.35 * reach, 0.06 * reach], np.float32)), 0.45 * reach)
    return np.asarray(1 - strength * np.clip(0.75 * contact + 0.6 * cast, 0, 1), np.float32)


def footprint(centre: float, floor: float, radius: float, tilt: float) -> Floats:
    """The outline of a round foot with `radius` px that stands at y = `floor`."""
    return ellipse((centre, floor), (radius, radius * tilt))
