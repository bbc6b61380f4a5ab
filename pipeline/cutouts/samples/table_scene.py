"""A background for a product outside a studio: a table in front of a book shelf, out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from cutouts.core.pixels import Floats
from cutouts.samples.canvas import Size, Window, blur, grid, noise


def shelf(size: Size, *, table: float, seed: int) -> Floats:
    """A wooden table from y = `table` px down, with a book shelf out of focus behind it; sRGB H×W×3."""
    rng = np.random.default_rng(seed)
    width = size[0]
    wall = _books(size, int(table), rng)
    wall = blur(wall, 0.0085 * width)
    wood = _wood(size, rng)
    x, y = grid(Window.whole(size))
    front = np.clip(y - table + 0.5, 0, 1)[..., None]
    scene = wall * (1 - front) + wood * front
    light = 0.72 + 0.28 * np.exp(-np.square((x - 0.3 * width) / (0.6 * width)))
    return np.asarray(np.clip(scene * light[..., None], 0, 1), np.float32)


def _books(size: Size, bottom: int, rng: np.random.Generator) -> Floats:
    """Rows of upright spines between dark boards."""
    width, height = size
    scene = np.full((height, width, 3), (0.26, 0.19, 0.14), np.float32)
    tall = int(0.36 * height)
    for floor in range(bottom - int(0.05 * height), 0, -tall - int(0.05 * height)):
        left = 0
        while left < width:
            thick = int(rng.uniform(0.02, 0.055) * width)
            top = floor - int(tall * rng.uniform(0.62, 0.92))
            if rng.random() > 0.06:
                _book(scene, (left, top, left + thick - 3, floor), rng)
            left += thick
        cv2.rectangle(scene, (0, floor), (width, floor + int(0.03 * height)), (0.42, 0.31, 0.22), -1)
    return scene


def _book(scene: Floats, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    hue, saturation, value = rng.uniform(0, 360), rng.uniform(0.15, 0.6), rng.uniform(0.25, 0.8)
    pixel = np.asarray([[[hue, saturation, value]]], np.float32)
    colour = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    cv2.rectangle(scene, (left, top), (right, bottom), tuple(map(float, colour)), -1)
    cv2.rectangle(scene, (left, top), (left + (right - left) // 5, bottom), tuple(map(float, colour * 0.7)), -1)
    band = top + int((bottom - top) * rng.uniform(0.15, 0.3))
    cv2.rectangle(scene, (left, band), (right, band + 14), tuple(map(float, np.clip(colour * 1.5, 0, 1))), -1)


def _wood(size: Size, rng: np.random.Generator) -> Floats:
    """Wooden planks seen from above: grain stretched along x, and a few dark joints."""
    width, height = size
    strands = rng.standard_normal((height, width // 40), np.float32)
    fine = cv2.resize(strands, size, interpolation=cv2.INTER_CUBIC)
    grain = 0.035 * blur(fine, 1.2) + 0.03 * noise(rng, size, 300, 4)
    _, y = grid(Window.whole(size))
    joints = 1 - 0.35 * np.exp(-(((y % (0.11 * height)) - 4) ** 2) / 6)
    colour = np.asarray((0.62, 0.45, 0.30), np.float32) * (1 + grain)[..., None] * joints[..., None]
    return np.asarray(np.clip(colour, 0, 1), np.float32)
