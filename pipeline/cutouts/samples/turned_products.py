"""Turned products: a labelled bottle, a mug, a teapot, a vase, a glass of juice; each with its exact matte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.samples.canvas import (
    Layer,
    Point,
    Size,
    Surface,
    Window,
    blur,
    ellipse,
    noise,
    polygon,
    spline,
    stack,
    tube,
)
from cutouts.samples.lathe import TILT, Turned, opening, turn, wrap
from cutouts.samples.light import Colour, Finish, lit, paint

_BOTTLE = ((0.88, 0.36), (0.68, 0.40), (0.54, 0.96), (0.48, 1.0), (0.02, 1.0), (0.0, 0.93))
_MUG = ((1.0, 1.0), (0.12, 0.97), (0.03, 0.88), (0.0, 0.82))
_TEAPOT_BODY = (
    (0.79, 0.40),
    (0.70, 0.66),
    (0.58, 0.88),
    (0.46, 0.98),
    (0.36, 1.0),
    (0.24, 0.95),
    (0.12, 0.81),
    (0.0, 0.60),
)
_TEAPOT_LID = ((0.885, 0.10), (0.87, 0.22), (0.80, 0.42), (0.77, 0.45))
_TEAPOT_KNOB = ((1.0, 0.05), (0.975, 0.105), (0.93, 0.115), (0.88, 0.05))
_VASE = ((1.0, 0.52), (0.93, 0.42), (0.80, 0.40), (0.60, 0.84), (0.40, 1.0), (0.18, 0.86), (0.02, 0.56), (0.0, 0.54))
"""Profiles as (height above the floor, radius), in shares of the product's height and of its widest radius."""


def _turned(axis: float, floor: float, scale: Point, profile: Sequence[Point], *, soften: float) -> Surface:
    height, radius = scale
    rows = [(floor - up * height, out * radius) for up, out in profile]
    return turn(Turned(axis=axis, profile=rows, soften=soften))


def _curve(axis: float, floor: float, scale: Point, knots: Sequence[Point]) -> Floats:
    """A curve through (height above the floor, distance to the right of the axis), in the same shares as in
    `_turned`."""
    height, radius = scale
    return spline([(axis + aside * radius, floor - up * height) for up, aside in knots])


def bottle(size: Size, axis: float, floor: float, height: float) -> Layer:
    """A sauce bottle of dark green glass with a paper label and a brass cap."""
    h, r = height, 0.17 * height
    body = _turned(axis, floor, (h, r), _BOTTLE, soften=0.022 * h)
    dark = lit(body, paint((0.10, 0.30, 0.23), body.u), Finish(gloss=1.0, ambient=0.30))
    picture, where = wrap(body, _label(), u=(-0.86, 0.86), v=(0.48, 0.93))
    paper = lit(body, picture, Finish(gloss=0.10))
    cap = turn(Turned(axis=axis, profile=[(floor - h, 0.43 * r), (floor - 0.865 * h, 0.45 * r)], soften=1.5))
    ribs = 0.86 + 0.14 * np.sin(cap.u * 60)[..., None]
    brass = lit(cap, (paint((0.83, 0.63, 0.28), cap.u) * ribs).astype(np.float32), Finish(gloss=0.7))
    top = _disc((axis, floor - h), 0.43 * r, (0.95, 0.80, 0.48))
    return stack(size, [dark, replace(paper, alpha=where * body.coverage), brass, top])


def _label() -> Bytes:
    label = np.full((520, 640, 3), (240, 231, 210), np.uint8)
    cv2.rectangle(label, (22, 22), (618, 498), (150, 50, 36), 5, cv2.LINE_AA)
    cv2.circle(label, (320, 150), 78, (196, 66, 40), -1, cv2.LINE_AA)
    cv2.ellipse(label, (320, 104), (52, 16), 20, 0, 360, (60, 118, 58), -1, cv2.LINE_AA)
    _write(label, "ORTO", 305, 2.9, (44, 40, 36), 7)
    _write(label, "tomato & basil", 372, 1.35, (150, 50, 36), 3)
    _write(label, "500 ml", 452, 1.1, (44, 40, 36), 2)
    return label


def _write(picture: Bytes, text: str, baseline: int, scale: float, colour: tuple[int, int, int], weight: int) -> None:
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, weight)
    left = (picture.shape[1] - width) // 2
    cv2.putText(picture, text, (left, baseline), cv2.FONT_HERSHEY_DUPLEX, scale, colour, weight, cv2.LINE_AA)


def mug(size: Size, axis: float, floor: float, height: float) -> Layer:
    """A glazed mug whose handle leaves a hole."""
    h, r = height, 0.46 * height
    body = _turned(axis, floor, (h, r), _MUG, soften=0.02 * h)
    band = np.clip((0.14 - np.abs(body.v - 0.69)) * 0.5 * h + 0.5, 0, 1)[..., None]
    stripes = paint((0.95, 0.90, 0.80), body.u) * band + paint((0.80, 0.28, 0.16), body.u) * (1 - band)
    outside = lit(body, stripes.astype(np.float32), Finish(gloss=0.85))
    bow = _curve(axis, floor, (h, r), [(0.82, 0.93), (0.83, 1.36), (0.56, 1.62), (0.28, 1.42), (0.20, 0.90)])
    grip = tube(bow, 0.078 * h)
    handle = lit(grip, paint((0.80, 0.28, 0.16), grip.u), Finish(gloss=0.85))
    lip = _disc((axis, floor - h), r, (0.93, 0.55, 0.42))
    hollow = opening((axis, floor - 0.995 * h), 0.945 * r, 0.35 * h)
    cream = paint((0.93, 0.89, 0.81), hollow.u) * (1 - 0.55 * hollow.v)[..., None]
    return stack(size, [handle, outside, lip, lit(hollow, cream.astype(np.float32), Finish(gloss=0.2))])


def teapot(size: Size, axis: float, floor: float, height: float) -> Layer:
    """A blue enamel teapot with a wooden knob, a spout and a handle."""
    h, r = height, 0.52 * height
    blue: Colour = (0.13, 0.34, 0.62)
    body = _turned(axis, floor, (h, r), _TEAPOT_BODY, soften=0.05 * h)
    lid = _turned(axis, floor, (h, r), _TEAPOT_LID, soften=0.014 * h)
    knob = _turned(axis, floor, (h, r), _TEAPOT_KNOB, soften=0.012 * h)
    beak = _curve(axis, floor, (h, r), [(0.30, -0.80), (0.44, -1.22), (0.80, -1.52)])
    spout = tube(beak, np.linspace(0.125 * h, 0.048 * h, len(beak)).astype(np.float32))
    bow = _curve(axis, floor, (h, r), [(0.66, 0.62), (0.755, 1.14), (0.62, 1.46), (0.38, 1.36), (0.20, 0.88)])
    grip = tube(bow, 0.042 * h)
    glaze = Finish(gloss=0.95, ambient=0.36)
    parts = [lit(part, paint(blue, part.u), glaze) for part in (grip, spout, body, lid)]
    return stack(size, [*parts, lit(knob, paint((0.62, 0.40, 0.20), knob.u), Finish(gloss=0.3))])


def vase(size: Size, axis: float, floor: float, height: float) -> Layer:
    """A white bisque vase with fine horizontal grooves."""
    h, r = height, 0.24 * height
    body = _turned(axis, floor, (h, r), _VASE, soften=0.035 * h)
    grooves = 1 - 0.012 * np.clip(np.sin(body.v * 260) * 2 - 0.6, 0, 1)
    white = paint((0.95, 0.945, 0.935), body.u) * grooves[..., None]
    outside = lit(body, white.astype(np.float32), Finish(gloss=0.06, ambient=0.46))
    mouth = opening((axis, floor - h), 0.49 * r, 0.10 * h)
    dusk = paint((0.86, 0.855, 0.84), mouth.u) * (1 - 0.4 * mouth.v)[..., None]
    return stack(size, [outside, lit(mouth, dusk.astype(np.float32), Finish(gloss=0))])


def glass(size: Size, axis: float, floor: float, height: float, seed: int) -> Layer:
    """A tumbler of orange juice: the juice hides the background, and the empty glass above and below it hardly does."""
    h, r = height, 0.27 * height
    shape: list[Point] = [(floor - h, r), (floor - 0.05 * h, 0.80 * r), (floor, 0.76 * r)]
    wall = turn(Turned(axis=axis, profile=shape, soften=2))
    fill = turn(Turned(axis=axis, profile=[(floor - 0.70 * h, 0.875 * r), (floor - 0.09 * h, 0.745 * r)], soften=4))
    pulp = 1 + 0.02 * noise(np.random.default_rng(seed), fill.window.size, 40, 3)[..., None]
    colour = np.clip(paint((0.98, 0.62, 0.14), fill.u) * pulp, 0, 1).astype(np.float32)
    juice = lit(fill, colour, Finish(gloss=0.05, ambient=0.62))
    skin = _disc((axis, floor - 0.70 * h), 0.875 * r, (1.0, 0.76, 0.36))
    return stack(size, [replace(juice, alpha=juice.alpha * 0.96), skin, _clear(wall), _rim((axis, floor - h), r)])


def _disc(centre: Point, radius: float, colour: Colour) -> Layer:
    """A flat round top of one colour."""
    outline = ellipse(centre, (radius, TILT * radius))
    window = Window.around(outline)
    cover = polygon(window, outline)
    return Layer(window=window, rgb=paint(colour, cover), alpha=cover)


def _clear(wall: Surface) -> Layer:
    """The glass itself: almost transparent where it faces the viewer, almost opaque at its edge (Fresnel)."""
    graze = 1 - wall.normal[..., 2]
    shining = lit(wall, paint((0.30, 0.33, 0.34), wall.u), Finish(gloss=1.0, ambient=0.5))
    spark = np.clip(shining.rgb.mean(-1) - 0.62, 0, 1) * 1.6
    base = np.clip((wall.v - 0.94) * 18, 0, 1) * 0.5
    alpha = np.clip(0.10 + 0.75 * graze**2.2 + spark + base, 0, 1) * wall.coverage
    return replace(shining, alpha=alpha.astype(np.float32))


def _rim(centre: Point, radius: float) -> Layer:
    ring = tube(ellipse(centre, (radius - 3, TILT * radius)), 4.0)
    shine: Floats = 0.55 + 0.35 * blur(ring.normal[..., 1], 1.0)
    grey = np.repeat(shine[..., None], 3, -1).astype(np.float32)
    return Layer(window=ring.window, rgb=grey, alpha=ring.coverage * np.float32(0.8))
