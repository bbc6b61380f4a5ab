"""Garments lying flat, drawn: shirts, trousers and dresses of plain, striped, checked, spotted, dark or printed cloth.

Sellers photograph clothes on floors and beds, and none of the training's sources shows them so. A network that has not
seen them tears holes into dark or patterned cloth and keeps the floor between trouser legs. What a drawing teaches is
that a closed outline is solid whatever is printed on it, and that a gap is a gap.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.training.cache import Album, Pixels
from pipeline.training.scenes import wave

Plane = npt.NDArray[np.float32]
Outline = list[tuple[float, float]]


def garment(rng: np.random.Generator, prints: Album, size: int) -> Pixels:
    """One garment, about `size` pixels high, uint8 (H, W, 4), premultiplied; `prints` are pictures to print on it."""
    alpha = _silhouette(rng, size)
    height, width = alpha.shape
    cloth = _cloth(rng, height, width)
    if rng.random() < 0.3:
        cloth = _printed(rng, cloth, prints)
    cloth = cloth * _folds(rng, height, width)[..., None] * _seams(rng, alpha)[..., None]
    colours = np.clip(cloth, 0, 255) * (alpha[..., None].astype(np.float32) / 255)
    return np.dstack([colours.astype(np.uint8), alpha])


def _silhouette(rng: np.random.Generator, size: int) -> Pixels:
    """The outline of a garment, crumpled, filled and smooth, uint8 (H, W)."""
    half = (_top, _trousers, _dress)[int(rng.choice(3, p=(0.5, 0.35, 0.15)))](rng)
    points = np.array(half + [(-x, y) for x, y in reversed(half)], np.float32)
    points += rng.normal(0, 0.012, points.shape).astype(np.float32)
    room = 0.06
    low, high = points.min(axis=0) - room, points.max(axis=0) + room
    scale = size / float(high[1] - low[1])
    width, height = (int(side) for side in np.ceil((high - low) * scale))
    plane = np.zeros((height, width), np.uint8)
    cv2.fillPoly(plane, [np.rint((points - low) * scale * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(_crumpled(rng, plane), (0, 0), size * rng.uniform(0.004, 0.012))
    # Rounds the corners of the outline; the ramp leaves an edge of about a pixel and a half.
    return np.asarray(np.clip((soft.astype(np.float32) - 127.5) * (size * 0.02) + 127.5, 0, 255), np.uint8)


def _top(rng: np.random.Generator) -> Outline:
    """The right half of a shirt, jumper or vest, from the middle of the neck to the middle of the hem."""
    shoulder, hem = rng.uniform(0.26, 0.36), rng.uniform(0.26, 0.42)
    neck, length = rng.uniform(0.09, 0.16), rng.uniform(0.8, 1.15)
    drop, sleeve, angle = rng.uniform(0.02, 0.2), rng.uniform(0.0, 0.75), rng.uniform(0.1, 1.4)
    cuff = rng.uniform(0.07, 0.17)
    reach = np.array([np.cos(angle), np.sin(angle)]) * sleeve
    across = np.array([-np.sin(angle), np.cos(angle)]) * cuff
    end = np.array([shoulder, 0.07]) + reach
    inner = end + across
    armpit = (min(hem, shoulder) * 0.95, 0.07 + rng.uniform(0.2, 0.3))
    arm = [tuple(end), tuple(inner)] if sleeve > 0.12 else []
    return [(0.0, drop), (neck, 0.0), (shoulder, 0.07), *arm, armpit, (hem, length), (0.0, length)]


def _trousers(rng: np.random.Generator) -> Outline:
    """The right half of trousers or shorts, from the middle of the waist to the crotch."""
    waist, hip = rng.uniform(0.16, 0.24), rng.uniform(0.2, 0.3)
    rise, length = rng.uniform(0.28, 0.42), rng.uniform(0.6, 1.4)
    spread, ankle = rng.uniform(0.0, 0.25), rng.uniform(0.08, 0.22)
    inner = 0.015 + spread
    return [(0.0, 0.0), (waist, 0.0), (hip, rise * 0.7), (inner + ankle, length), (inner, length), (0.0, rise)]


def _dress(rng: np.random.Generator) -> Outline:
    """The right half of a dress or skirt, with straps or without."""
    bust, waist, hem = rng.uniform(0.2, 0.28), rng.uniform(0.15, 0.24), rng.uniform(0.25, 0.55)
    length, top = rng.uniform(0.9, 1.5), rng.uniform(0.1, 0.2)
    straps = [(0.0, 0.25), (0.11, top), (0.12, 0.0), (0.15, 0.0), (0.17, top)] if rng.random() < 0.7 else [(0.0, top)]
    return [*straps, (bust, top + 0.12), (waist, 0.45), (hem, length), (0.0, length + rng.uniform(0, 0.06))]


def _smooth_noise(rng: np.random.Generator, height: int, width: int, cells: float) -> Plane:
    """Smooth noise of about `cells` cells along the height, float32 (H, W), standard deviation below one."""
    rows, columns = max(2, round(cells)), max(2, round(cells * width / height))
    grain = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _crumpled(rng: np.random.Generator, plane: Pixels) -> Pixels:
    """`plane` with its outline moved about as cloth lies, uint8 (H, W)."""
    height, width = plane.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for cells, share in ((4, 0.018), (11, 0.006)):
        reach = np.float32(height * share * rng.uniform(0.2, 1.0))
        x += _smooth_noise(rng, height, width, cells) * reach
        y += _smooth_noise(rng, height, width, cells) * reach
    return np.asarray(cv2.remap(plane, x, y, cv2.INTER_LINEAR), np.uint8)


def _colour(rng: np.random.Generator) -> Plane:
    """A colour of cloth, float32 (3,): often dark, often white, otherwise any."""
    kind = rng.random()
    if kind < 0.35:
        return np.clip(rng.uniform(8, 60) + rng.normal(0, 8, 3), 0, 255).astype(np.float32)
    if kind < 0.55:
        return np.clip(rng.uniform(190, 250) + rng.normal(0, 5, 3), 0, 255).astype(np.float32)
    return rng.uniform(10, 245, 3).astype(np.float32)


def _cloth(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Cloth of one to three colours, float32 (H, W, 3): plain, striped, checked, spotted or camouflage."""
    out = np.broadcast_to(_colour(rng), (height, width, 3)).copy()
    pattern = int(rng.choice(5, p=(0.45, 0.15, 0.15, 0.1, 0.15)))
    for _ in range(int(rng.integers(1, 3))) if pattern else []:
        share = (_striped, _checked, _spotted, _blotched)[pattern - 1](rng, height, width)
        out += share[..., None] * (_colour(rng) - out)
    grain = np.float32(rng.uniform(0, 0.06))
    return np.asarray(out * (1 + grain * _smooth_noise(rng, height, width, height / 2)[..., None]), np.float32)


def _wave(rng: np.random.Generator, height: int, width: int, angle: float) -> Plane:
    """Stripes of any width that follow the cloth, float32 (H, W), −1 to 1."""
    period = height * rng.uniform(0.02, 0.2)
    bend = _smooth_noise(rng, height, width, 3) * np.float32(height * 0.01)
    return wave(height, width, angle=angle, period=period, bend=bend).astype(np.float32)


def _striped(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Share of the other colour, 0 or 1: stripes of any width, float32 (H, W)."""
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    return (_wave(rng, height, width, angle) > rng.uniform(-0.7, 0.9)).astype(np.float32)


def _checked(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Stripes across stripes, each half of the cloth, float32 (H, W)."""
    return 0.5 * (_striped(rng, height, width) + _striped(rng, height, width))


def _spotted(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Dots or small flowers, float32 (H, W)."""
    angle = rng.uniform(0, np.pi)
    both = _wave(rng, height, width, angle) + _wave(rng, height, width, angle + np.pi / 2)
    return (both > rng.uniform(0.6, 1.5)).astype(np.float32)


def _blotched(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Camouflage, flowers or marble: blots of any size, float32 (H, W)."""
    return (_smooth_noise(rng, height, width, rng.uniform(4, 30)) > rng.uniform(-0.4, 0.6)).astype(np.float32)


def _printed(rng: np.random.Generator, cloth: Plane, prints: Album) -> Plane:
    """`cloth` with a picture, or a picture's dark parts alone as a logo, across its upper half, float32 (H, W, 3)."""
    height, width = cloth.shape[:2]
    rows, columns = int(height * rng.uniform(0.1, 0.4)), int(width * rng.uniform(0.2, 0.5))
    top, left = int(height * rng.uniform(0.15, 0.35)), int((width - columns) * rng.uniform(0.35, 0.65))
    picture = prints[int(rng.integers(len(prints)))]
    picture = cv2.resize(picture[..., :3], (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    share: Plane | float = 1.0
    if rng.random() < 0.5:
        share = (picture.mean(axis=2, keepdims=True) < rng.uniform(60, 160)).astype(np.float32)
        picture = np.broadcast_to(_colour(rng), picture.shape)
    spot = cloth[top : top + rows, left : left + columns]
    spot += share * (picture - spot)
    return cloth


def _folds(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Light on cloth that lies in folds, float32 (H, W) around 1."""
    light = np.ones((height, width), np.float32)
    for cells in (2.5, 6.0, 14.0):
        light += _smooth_noise(rng, height, width, cells) * np.float32(rng.uniform(0.0, 0.1))
    ridges = 1.0 - np.abs(_smooth_noise(rng, height, width, rng.uniform(3, 8)))
    light += np.maximum(ridges - 0.75, 0) * np.float32(rng.uniform(-1.0, 1.0))
    return np.asarray(np.clip(light, 0.35, 1.6), np.float32)


def _seams(rng: np.random.Generator, alpha: Pixels) -> Plane:
    """Darker lines inside the outline and down the middle, and cloth that turns away at its edge, float32 (H, W)."""
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    height, width = alpha.shape
    light = 1.0 - np.float32(rng.uniform(0, 0.35)) * np.exp(-inside / np.float32(height * rng.uniform(0.004, 0.02)))
    depth, thick = np.float32(rng.uniform(0, 0.4)), max(1, height // 250)
    hem = np.abs(inside - height * rng.uniform(0.012, 0.03)) < thick * 0.6
    light -= depth * hem
    if rng.random() < 0.4:
        middle = int(width * rng.uniform(0.47, 0.53))
        light[:, middle : middle + thick] -= depth
    return np.asarray(light, np.float32)
