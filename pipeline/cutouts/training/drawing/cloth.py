"""Draws cloth: the cloth of garments, and the cloth that they lie on.

Beds and blankets have patterns and folds like clothes. A network that has only seen patterns on garments keeps the
blanket. So the same cloth is drawn on both sides of the outline, and only the outline distinguishes them.
"""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Doubles, Floats


def sheet(rng: np.random.Generator, height: int, width: int) -> Bytes:
    """A bed, a blanket or a curtain, uint8 (H, W, 3)."""
    light = folded(rng, height, width)[..., None]
    return np.asarray(np.clip(cloth(rng, height, width) * light, 0, 255), np.uint8)


def cloth(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Cloth of one to three colours, float32 (H, W, 3): plain, striped, checked, spotted or camouflage."""
    out = np.broadcast_to(cloth_colour(rng), (height, width, 3)).copy()
    pattern = int(rng.choice(5, p=(0.45, 0.15, 0.15, 0.1, 0.15)))
    for _ in range(int(rng.integers(1, 3))) if pattern else []:
        share = (_striped, _checked, _spotted, _blotched)[pattern - 1](rng, height, width)
        out += share[..., None] * (cloth_colour(rng) - out)
    grain = np.float32(rng.uniform(0, 0.06))
    return np.asarray(out * (1 + grain * smooth_noise(rng, height, width, height / 2)[..., None]), np.float32)


def folded(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The light on folded cloth, sometimes quilted, float32 (H, W) around 1."""
    light = _folds(rng, height, width)
    return light * _quilted(rng, height, width) if rng.random() < 0.15 else light


def cloth_colour(rng: np.random.Generator) -> Floats:
    """A colour of cloth, float32 (3,): often dark, often white, otherwise any."""
    kind = rng.random()
    if kind < 0.35:
        return np.clip(rng.uniform(8, 60) + rng.normal(0, 8, 3), 0, 255).astype(np.float32)
    if kind < 0.55:
        return np.clip(rng.uniform(190, 250) + rng.normal(0, 5, 3), 0, 255).astype(np.float32)
    return rng.uniform(10, 245, 3).astype(np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: float) -> Floats:
    """Smooth noise with about `cells` cells along the height, float32 (H, W), standard deviation below 1."""
    rows, columns = max(2, round(cells)), max(2, round(cells * width / height))
    grain = rng.normal(0, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _wave(rng: np.random.Generator, height: int, width: int, angle: float) -> Floats:
    """Stripes of random width that bend with the cloth, float32 (H, W), −1 to 1."""
    period = height * rng.uniform(0.02, 0.2)
    bend = smooth_noise(rng, height, width, 3) * np.float32(height * 0.01)
    return wave(height, width, angle=angle, period=period, bend=bend).astype(np.float32)


def _striped(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The share of the other colour, 0 or 1, in stripes of random width, float32 (H, W)."""
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]))
    return (_wave(rng, height, width, angle) > rng.uniform(-0.7, 0.9)).astype(np.float32)


def _checked(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The share of the other colour: the mean of two patterns of stripes, float32 (H, W)."""
    return 0.5 * (_striped(rng, height, width) + _striped(rng, height, width))


def _spotted(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The share of the other colour, 0 or 1, in dots or small flowers, float32 (H, W)."""
    angle = rng.uniform(0, np.pi)
    both = _wave(rng, height, width, angle) + _wave(rng, height, width, angle + np.pi / 2)
    return (both > rng.uniform(0.6, 1.5)).astype(np.float32)


def _blotched(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The share of the other colour, 0 or 1, in blots of random size: camouflage, flowers or marble, float32 (H, W)."""
    return (smooth_noise(rng, height, width, rng.uniform(4, 30)) > rng.uniform(-0.4, 0.6)).astype(np.float32)


def _folds(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The light on folded cloth, float32 (H, W) around 1."""
    light = np.ones((height, width), np.float32)
    for cells in (2.5, 6.0, 14.0):
        light += smooth_noise(rng, height, width, cells) * np.float32(rng.uniform(0.0, 0.1))
    ridges = 1.0 - np.abs(smooth_noise(rng, height, width, rng.uniform(3, 8)))
    light += np.maximum(ridges - 0.75, 0) * np.float32(rng.uniform(-1.0, 1.0))
    return np.asarray(np.clip(light, 0.35, 1.6), np.float32)


def _quilted(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The light on quilted cloth between seams, in bands or diamonds, float32 (H, W) up to 1."""
    angle, period = rng.uniform(0, np.pi), height * rng.uniform(0.1, 0.5)
    bend = smooth_noise(rng, height, width, 4) * np.float32(height * 0.01)
    puff = np.abs(wave(height, width, angle=angle, period=period, bend=bend))
    if rng.random() < 0.5:
        puff = np.minimum(puff, np.abs(wave(height, width, angle=angle + np.pi / 2, period=period, bend=bend)))
    return np.asarray(1 - rng.uniform(0.1, 0.6) * (1 - np.sqrt(puff)), np.float32)


def wave(height: int, width: int, *, angle: float, period: float, bend: Floats | float = 0.0) -> Doubles:
    """A sine wave float64 (H, W), −1 to 1, along the direction `angle` (radians); `period` and `bend`, its shift at
    each pixel, are in pixels."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.asarray(np.sin((x * np.cos(angle) + y * np.sin(angle) + bend) * (2 * np.pi / period)), np.float64)
