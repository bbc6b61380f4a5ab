"""Draws floors of tiles and planks, on which garments are photographed, and whose joints a network mistakes for edges.

A joint is a thin straight line, as dark as a seam, that continues behind the product and leaves it at its hem. A
network that has never seen joints keeps them like straps. Each tile differs slightly from its neighbours, and wood has
a grain.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cutouts.core.pixels import Bytes, Floats

_TABLE = 64


def floor(rng: np.random.Generator, colour: Floats, height: int, width: int) -> Bytes:
    """A floor seen from above or at an angle, uint8 (H, W, 3): of `colour` (float32 RGB, 0..255), or of wood."""
    wooden = rng.random() < 0.5
    side = rng.uniform(0.1, 0.6) * width
    length = side * (rng.uniform(3, 10) if wooden else rng.uniform(0.7, 1.4))
    across, along = _grid(rng, height, width, side, length)
    light = _tiles(rng, across, along) * _joints(rng, (across, side), (along, length), width)
    if wooden:
        light = light * _grain(rng, across, along)
    base = wood_colour(rng) if wooden else colour
    return np.asarray(np.clip(light[..., None] * base * _falloff(rng, height, width), 0, 255), np.uint8)


def wood_colour(rng: np.random.Generator) -> Floats:
    """A colour of wood, from birch to wenge, float32 RGB."""
    return np.asarray(
        rng.uniform(50, 235) * np.array([1.0, rng.uniform(0.7, 0.95), rng.uniform(0.45, 0.88)]), np.float32
    )


def _grid(rng: np.random.Generator, height: int, width: int, side: float, length: float) -> tuple[Floats, Floats]:
    """The position of each pixel across and along the tiles, in tiles, both float32 (H, W); rows may be offset against
    each other."""
    angle = rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.12) if rng.random() < 0.65 else rng.uniform(0, np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x -= width / 2
    if rng.random() < 0.4:
        away = 1 + rng.uniform(0.1, 0.7) * (1 - y / height)
        x, y = x * away, y * away
    across = (x * np.cos(angle) + y * np.sin(angle)) / side + rng.uniform(0, _TABLE)
    along = (y * np.cos(angle) - x * np.sin(angle)) / length + rng.uniform(0, _TABLE)
    askew = rng.choice([0.0, 0.5, 1.0])
    if askew:
        along = along + (rng.random(_TABLE) * askew)[_row(across)]
    return across.astype(np.float32), along.astype(np.float32)


def _row(across: Floats) -> npt.NDArray[np.intp]:
    return np.asarray(np.floor(across).astype(np.intp) % _TABLE)


def _tiles(rng: np.random.Generator, across: Floats, along: Floats) -> Floats:
    """The light of each tile, around 1, float32 (H, W)."""
    table = rng.normal(1.0, rng.uniform(0.0, 0.09), (_TABLE, _TABLE)).astype(np.float32)
    return np.asarray(table[_row(across), _row(along)], np.float32)


def _joints(rng: np.random.Generator, across: tuple[Floats, float], along: tuple[Floats, float], width: int) -> Floats:
    """The light of the joints, float32 (H, W): 1 on the tiles, darker or lighter on the joints between them."""
    thickness = width * rng.uniform(0.0008, 0.009)
    line = np.maximum(*(np.clip(thickness - np.abs(at - np.rint(at)) * size, 0, 1) for at, size in (across, along)))
    depth = rng.uniform(-0.75, -0.1) if rng.random() < 0.75 else rng.uniform(0.1, 0.5)
    return np.asarray(1 + depth * min(1.0, thickness) * line, np.float32)


def _grain(rng: np.random.Generator, across: Floats, along: Floats) -> Floats:
    """The light of streaks along the planks, around 1, float32 (H, W)."""
    rows, columns = 512, 64
    noise = rng.normal(1.0, rng.uniform(0.02, 0.16), (rows, columns)).astype(np.float32)
    fine, coarse = across * np.float32(rng.uniform(8, 40)), along * np.float32(rng.uniform(1, 6))
    grain = cv2.remap(noise, coarse % columns, fine % rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(grain, np.float32)


def _falloff(rng: np.random.Generator, height: int, width: int) -> Floats:
    """The light of a room with windows, float32 (H, W, 1)."""
    corners = rng.uniform(rng.uniform(0.45, 1.0), 1.0, (3, 3)).astype(np.float32)
    return np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_CUBIC)[..., None], np.float32)
