"""Draws equipment that photographers leave in the frame: lamps, softboxes and reflectors on booms and stands.

Equipment is not a product, but it may stand in a studio like one: a single object in front of a plain curtain. Only the
boom or stand that holds it distinguishes it. The few studios among the training scenes show too few lamps to learn
this. No thin rods and no cables are drawn: a network that saw such lines behind products mistook the straps of bags for
them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cutouts.core.pixels import Bytes, Doubles, Floats

Polygon = npt.NDArray[np.int32]


def equipped(rng: np.random.Generator, scene: Bytes) -> Bytes:
    """The scene with one or two pieces of equipment in front of it, uint8 (H, W, 3)."""
    out = scene.copy()
    for _ in range(1 + int(rng.random() < 0.3)):
        _piece(rng, out)
    return out


def _piece(rng: np.random.Generator, out: Bytes) -> None:
    """Draw a lamp head anywhere except at the edge, and its boom or stand, on `out` (H, W, 3)."""
    height, width = out.shape[:2]
    head = np.array([rng.uniform(0.08, 0.92) * width, rng.uniform(0.05, 0.75) * height])
    metal = _metal(rng)
    if rng.random() < 0.4:
        _stand(rng, out, head, metal)
    else:
        for _ in range(int(rng.integers(1, 4))):
            _boom(rng, out, head, metal)
    _head(rng, out, head)


def _boom(rng: np.random.Generator, out: Bytes, head: Doubles, metal: Doubles) -> None:
    """Draw an arm, straight or with a joint, from the head to the upper, left or right side of the frame."""
    height, width = out.shape[:2]
    side = rng.random()
    if side < 0.7:
        end = np.array([head[0] + rng.normal(0, 0.25) * width, -2.0])
    else:
        end = np.array([-2.0 if side < 0.85 else width + 2.0, head[1] - rng.uniform(-0.1, 0.4) * height])
    joint = head + (end - head) * rng.uniform(0.3, 0.7) + rng.normal(0, rng.choice((0.0, 0.06)), 2) * height
    _line(rng, out, [head + rng.normal(0, 0.02, 2) * height, joint, end], rng.uniform(0.02, 0.06), metal)


def _stand(rng: np.random.Generator, out: Bytes, head: Doubles, metal: Doubles) -> None:
    """Draw a pole below the head with three legs, which may be outside the frame."""
    height, width = out.shape[:2]
    foot = np.array([head[0] + rng.normal(0, 0.01) * width, height * rng.uniform(0.7, 1.2)])
    thickness = rng.uniform(0.02, 0.04)
    _line(rng, out, [head, foot], thickness, metal)
    hub = foot - (foot - head) * rng.uniform(0.05, 0.3)
    for reach in rng.normal((-0.14, 0.03, 0.14), 0.03):
        leg = np.array([reach, rng.uniform(-0.02, 0.05)]) * height
        _line(rng, out, [hub, foot + leg], thickness, metal)


def _line(rng: np.random.Generator, out: Bytes, points: list[Doubles], thickness: float, colour: Doubles) -> None:
    """Draw a rod through `points`; `thickness` is a share of the height. Thick rods are lit along their middle."""
    pixels = np.rint(np.array(points)).astype(np.int32).reshape(-1, 1, 2)
    wide = max(1, round(thickness * out.shape[0]))
    cv2.polylines(out, [pixels], isClosed=False, color=_as_colour(colour), thickness=wide, lineType=cv2.LINE_AA)
    if wide >= 4:
        lit = _as_colour(colour * rng.uniform(0.7, 1.8) + rng.uniform(0, 25))
        cv2.polylines(out, [pixels], isClosed=False, color=lit, thickness=wide // 3, lineType=cv2.LINE_AA)


def _head(rng: np.random.Generator, out: Bytes, at: Doubles) -> None:
    """Draw a lamp head of one to five plates and barrels near `at`; some have a grid, and some heads shine."""
    size = out.shape[0] * rng.uniform(0.03, 0.16)
    turn = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(1, 6))):
        middle = at + rng.normal(0, 0.45, 2) * size
        outline = _outline(rng, middle, size * rng.uniform(0.4, 1.3), turn + rng.normal(0, 0.3))
        _plate(rng, out, outline, _metal(rng))
        if rng.random() < 0.3:
            _grid(rng, out, outline)
    if rng.random() < 0.35:
        _shine(rng, out, _outline(rng, at, size * rng.uniform(0.6, 2.5), turn))


def _outline(rng: np.random.Generator, middle: Doubles, size: float, turn: float) -> Polygon:
    """A rectangle, a tapered box, an octagon or an ellipse, int32 (N, 2), with half-length `size`."""
    kind, narrow, taper = rng.random(), rng.uniform(0.3, 1.0), rng.uniform(0.5, 1.0)
    if kind < 0.55:
        corners = np.array([(-1, -narrow), (1, -narrow * taper), (1, narrow * taper), (-1, narrow)])
    else:
        angles = np.linspace(0, 2 * np.pi, 8 if kind < 0.7 else 32, endpoint=False)
        corners = np.stack([np.cos(angles), narrow * np.sin(angles)], axis=1)
    turned = corners @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    return np.asarray(np.rint(middle + size * turned), np.int32)


def _plate(rng: np.random.Generator, out: Bytes, outline: Polygon, colour: Doubles) -> None:
    """Draw metal or plastic inside `outline`, with uneven light."""
    left, top, width, height = cv2.boundingRect(outline)
    mask = cv2.fillPoly(np.zeros((height, width), np.uint8), [outline - (left, top)], 255, cv2.LINE_AA)
    corners = rng.uniform(0.35, 1.3, (2, 2)).astype(np.float32)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    _blend(out, mask.astype(np.float32) / 255, np.clip(light[..., None] * colour, 0, 255), left, top)


def _grid(rng: np.random.Generator, out: Bytes, outline: Polygon) -> None:
    """Draw bars from one edge of `outline` to the opposite one: a grid, cooling ribs or a guard."""
    half = len(outline) // 2
    first, second = outline[:2].astype(float), outline[half : half + 2][::-1].astype(float)
    metal = _metal(rng)
    for share in np.linspace(0.05, 0.95, int(rng.integers(3, 10))):
        ends = [(1 - share) * side[0] + share * side[1] for side in (first, second)]
        _line(rng, out, ends, rng.uniform(0.003, 0.009), metal)


def _shine(rng: np.random.Generator, out: Bytes, outline: Polygon) -> None:
    """Draw an overexposed white front inside `outline`, with light that spills over its edge."""
    glow = cv2.fillPoly(np.zeros(out.shape[:2], np.uint8), [outline], 255, cv2.LINE_AA).astype(np.float32) / 255
    spill = cv2.GaussianBlur(glow, (0, 0), out.shape[0] * rng.uniform(0.01, 0.06)) * np.float32(rng.uniform(0.1, 0.8))
    _blend(out, np.maximum(glow, spill), np.full(3, rng.uniform(225, 255)), 0, 0)


def _blend(out: Bytes, share: Floats, colours: npt.NDArray[np.floating], left: int, top: int) -> None:
    """Blend `colours` into the part of `out` at (left, top), with the weights `share` (H, W); parts outside are cut
    off."""
    up, aside = max(0, -top), max(0, -left)
    spot = out[top + up : max(0, top + share.shape[0]), left + aside : max(0, left + share.shape[1])]
    rows, columns = slice(up, up + spot.shape[0]), slice(aside, aside + spot.shape[1])
    colour = colours if colours.ndim == 1 else colours[rows, columns]
    spot[:] = np.rint(spot + share[rows, columns, None] * (colour - spot)).astype(np.uint8)


def _metal(rng: np.random.Generator) -> Doubles:
    """A colour, float64 RGB: mostly black plastic or grey metal, rarely white."""
    level = rng.choice((rng.uniform(0, 50), rng.uniform(50, 190), rng.uniform(190, 245)), p=(0.55, 0.35, 0.1))
    return np.asarray(np.clip(level + rng.normal(0, 6, 3), 0, 255), np.float64)


def _as_colour(colour: Doubles) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(np.rint(colour), 0, 255))
    return red, green, blue
