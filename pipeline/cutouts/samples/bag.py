"""A shoulder bag of grained leather, with straps that are only a few pixels wide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cutouts.core.pixels import Floats
from cutouts.samples.canvas import Layer, Size, Surface, Window, blur, ellipse, noise, polygon, spline, stack, tube
from cutouts.samples.light import Colour, Finish, lit, paint

_LEATHER: Colour = (0.50, 0.27, 0.15)
_DARK: Colour = (0.34, 0.17, 0.10)


def shoulder_bag(size: Size, seed: int) -> Layer:
    """The bag, its flap, buckle and two fine straps that meet above the middle."""
    width, height = size
    left, right, top, bottom = 0.20 * width, 0.80 * width, 0.56 * height, 0.90 * height
    body_outline = _outline(left, right, top, bottom)
    flap_outline = _outline(left - 0.008 * width, right + 0.008 * width, top - 0.012 * height, 0.75 * height)
    window = Window.around(body_outline, flap_outline, margin=12)
    rng = np.random.default_rng(seed)
    grain = 1 + 0.05 * noise(rng, window.size, 9, 3) + 0.04 * noise(rng, window.size, 180, 3)
    flap_cover = polygon(window, flap_outline)
    body = _leather(window, polygon(window, body_outline), grain, _LEATHER)
    drop = blur(np.roll(flap_cover, int(0.012 * height), 0), 0.010 * width)
    shaded = replace(body, rgb=(body.rgb * (1 - 0.45 * drop)[..., None]).astype(np.float32))
    flap = _leather(window, flap_cover, grain, (0.56, 0.31, 0.18))
    straps = [_strap(size, lift) for lift in (0.0, 0.055)]
    return stack(size, [*straps, shaded, flap, *_stitches(size), *_buckle(size)])


def _outline(left: float, right: float, top: float, bottom: float) -> Floats:
    """A cushion: straight top, full sides, round lower corners."""
    middle, half, tall = (left + right) / 2, (right - left) / 2, bottom - top
    angle = np.linspace(0, np.pi, 200)
    x = middle + half * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.32
    y = top + 0.35 * tall + 0.65 * tall * np.abs(np.sin(angle)) ** 0.45
    upper = np.asarray([[left + 0.05 * half, top], [right - 0.05 * half, top]])
    return np.concatenate([upper[::-1][:1], np.stack([x, y], 1), upper[:1]]).astype(np.float32)


def _leather(window: Window, cover: Floats, grain: Floats, colour: Colour) -> Layer:
    """A padded piece of leather: its height map is its blurred outline, and the grain roughens colour and normals."""
    pad = 52 * blur(cover, 26) + 14 * blur(cover, 6) + 1.1 * grain
    slope_y, slope_x = np.gradient(pad)
    normal = np.stack([-slope_x, -slope_y, np.ones_like(pad)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    surface = Surface(window=window, coverage=cover, normal=normal.astype(np.float32), u=cover, v=cover)
    return lit(surface, np.clip(paint(colour, cover) * grain[..., None], 0, 1).astype(np.float32), Finish(gloss=0.30))


def _strap(size: Size, lift: float) -> Layer:
    width, height = size
    low = 0.60 * height
    knots = [(0.235 * width, low), (0.30 * width, (0.36 - lift / 2) * height), (0.41 * width, (0.13 + lift) * height)]
    knots += [(0.50 * width, (0.075 + lift) * height), *((width - x, y) for x, y in reversed(knots))]
    rod = tube(spline(knots), 0.0042 * width)
    return lit(rod, paint(_DARK, rod.u), Finish(gloss=0.35, ambient=0.6))


def _stitches(size: Size) -> list[Layer]:
    width, height = size
    path = _outline(0.212 * width, 0.788 * width, 0.562 * height, 0.735 * height)[1:-1]
    curve = spline([(float(x), float(y)) for x, y in path[::8]])
    thread = tube(curve, 0.0016 * width)
    dashes = thread.coverage * (np.sin(thread.v * 420) > -0.25)
    return [Layer(window=thread.window, rgb=paint((0.86, 0.72, 0.52), thread.u), alpha=dashes.astype(np.float32))]


def _buckle(size: Size) -> list[Layer]:
    width, height = size
    centre = (0.50 * width, 0.735 * height)
    ring = tube(ellipse(centre, (0.040 * width, 0.030 * height)), 0.0062 * width)
    tongue = tube(spline([(centre[0], 0.69 * height), (centre[0], 0.785 * height)]), 0.016 * width)
    return [
        lit(tongue, paint(_DARK, tongue.u), Finish(gloss=0.3)),
        lit(ring, paint((0.86, 0.70, 0.38), ring.u), Finish(gloss=1.0)),
    ]
