"""Backdrops for composites: plain, shaded, textured, floors, sheets and photographed, uint8 RGB of any size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.data.cache import Dataset, Datasets
from cutouts.training.drawing.cloth import sheet, wave
from cutouts.training.drawing.equipment import equipped
from cutouts.training.drawing.floors import floor

CLEARING_SHARE = 0.4
"""Share of photographed scenes that are areas beside the subject of a photograph; the others are whole scenes."""
REPAINTED_SHARE = 0.5
"""Share of photographed scenes with changed colours: a network memorises a few hundred rooms, and other colours reduce
this."""
EQUIPPED_SHARE = 0.12
"""Share of rooms and sheets behind a product that contain studio equipment; on plain ground, a lamp is a product."""
EMPTY_EQUIPPED_SHARE = 0.3
"""The same share for scenes without a product."""


def backdrop(rng: np.random.Generator, datasets: Datasets, height: int, width: int, near: Floats | None) -> Bytes:
    """A backdrop, uint8 (H, W, 3). If `near`, an RGB colour in 0..255, is given, the backdrop has a low contrast to
    it."""
    if near is not None:
        return _low_contrast(rng, near, height, width)
    kind = rng.random()
    if kind < 0.35:
        return _equipped(rng, photographed(rng, _scenes(rng, datasets), height, width), EQUIPPED_SHARE)
    if kind < 0.45:
        return _equipped(rng, sheet(rng, height, width), EQUIPPED_SHARE)
    return _drawn(rng, studio_colour(rng), height, width)


def _drawn(rng: np.random.Generator, colour: Floats, height: int, width: int) -> Bytes:
    kind = rng.random()
    if kind < 0.30:
        return plain(colour, height, width)
    if kind < 0.62:
        return shaded(rng, colour, height, width)
    if kind < 0.78:
        return textured(rng, colour, height, width)
    return floor(rng, colour, height, width)


def _low_contrast(rng: np.random.Generator, near: Floats, height: int, width: int) -> Bytes:
    kind = rng.random()
    colour = np.clip(near + rng.normal(0.0, rng.uniform(2.0, 14.0), 3), 0, 255).astype(np.float32)
    if kind < 0.15:
        return floor(rng, colour, height, width)
    return plain(colour, height, width) if kind < 0.55 else shaded(rng, colour, height, width)


def empty_scene(rng: np.random.Generator, datasets: Datasets, height: int, width: int) -> Bytes:
    """A scene without a product, uint8 (H, W, 3); never a shop shelf, because its goods are products."""
    rooms = replace(datasets, scenes=_rooms(datasets.scenes))
    kind = rng.random()
    if kind < 0.3:
        return backdrop(rng, rooms, height, width, None)
    if kind < 0.4:
        return _equipped(rng, sheet(rng, height, width), EMPTY_EQUIPPED_SHARE)
    room = photographed(rng, _scenes(rng, rooms), height, width, sharp=True)
    return _equipped(rng, room, EMPTY_EQUIPPED_SHARE)


def _equipped(rng: np.random.Generator, scene: Bytes, share: float) -> Bytes:
    return equipped(rng, scene) if rng.random() < share else scene


def _scenes(rng: np.random.Generator, datasets: Datasets) -> Dataset:
    return datasets.clearings if rng.random() < CLEARING_SHARE else datasets.scenes


def studio_colour(rng: np.random.Generator) -> Floats:
    """A backdrop colour, float32 RGB: mostly white and near white, sometimes grey, pastel or any colour."""
    kind = rng.random()
    if kind < 0.25:
        return np.full(3, rng.uniform(250, 255), np.float32)
    if kind < 0.55:
        return np.clip(rng.uniform(205, 255) + rng.normal(0, 3, 3), 0, 255).astype(np.float32)
    if kind < 0.75:
        return np.clip(rng.uniform(20, 230) + rng.normal(0, 4, 3), 0, 255).astype(np.float32)
    if kind < 0.88:
        return rng.uniform(150, 255, 3).astype(np.float32)
    return rng.uniform(0, 255, 3).astype(np.float32)


def plain(colour: Floats, height: int, width: int) -> Bytes:
    """One colour, uint8 (H, W, 3)."""
    return np.broadcast_to(np.rint(colour).astype(np.uint8), (height, width, 3)).copy()


def shaded(rng: np.random.Generator, colour: Floats, height: int, width: int) -> Bytes:
    """A lit studio with a smooth falloff of light, and sometimes a horizon between floor and wall, uint8 (H, W, 3)."""
    corners = rng.uniform(1.0 - rng.uniform(0.05, 0.5), 1.0, (3, 3, 1)).astype(np.float32)
    tint = rng.normal(1.0, 0.02, (3, 3, 3)).astype(np.float32)
    light = cv2.resize(corners * tint, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.3:
        light = light * _horizon(rng, height)
    return np.asarray(np.clip(light * colour, 0, 255), np.uint8)


def _horizon(rng: np.random.Generator, height: int) -> Floats:
    """Factors (H, 1, 1): a step from wall to floor, sharp or as a sweep."""
    at, width = rng.uniform(0.4, 0.9) * height, rng.uniform(0.5, 0.12 * height)
    step = 1.0 / (1.0 + np.exp(-(np.arange(height) - at) / width))
    factors: Floats = (1.0 - rng.uniform(-0.1, 0.3) * step).astype(np.float32)[:, None, None]
    return factors


def textured(rng: np.random.Generator, colour: Floats, height: int, width: int) -> Bytes:
    """Carpet, paper, stone or stripes: noise of several grain sizes over `colour`, uint8 (H, W, 3)."""
    plane = np.zeros((height, width), np.float32)
    for grain in rng.choice([2, 4, 8, 16, 48, 96], size=3, replace=False):
        rows, columns = max(2, int(height / (grain * rng.uniform(0.3, 3)))), max(2, int(width / grain))
        noise = rng.normal(0, 1, (rows, columns)).astype(np.float32)
        plane += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(rng.uniform(0.2, 1))
    if rng.random() < 0.35:
        plane += _stripes(rng, height, width)
    swing = rng.normal(0, 1, 3) * 6 + rng.uniform(4, 36)
    return np.clip(colour * rng.uniform(0.4, 1) + plane[..., None] * swing, 0, 255).astype(np.uint8)


def _stripes(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Stripes or ribs: a periodic plane (H, W) at any angle, float32."""
    plane = wave(height, width, angle=rng.uniform(0, np.pi), period=rng.uniform(6, 80))
    stripes: Floats = (np.sign(plane) if rng.random() < 0.5 else plane).astype(np.float32)
    return np.asarray(stripes * np.float32(rng.uniform(0.5, 2)), np.float32)


def photographed(rng: np.random.Generator, scenes: Dataset, height: int, width: int, sharp: bool = False) -> Bytes:
    """A crop of a photographed scene, uint8 (H, W, 3), often out of focus; a shop shelf always is."""
    index = int(rng.integers(len(scenes)))
    image = scenes[index][..., :3]
    share = rng.uniform(0.25, 1.0)
    rows = int(min(image.shape[0], max(16, image.shape[0] * share)))
    columns = int(min(image.shape[1], max(16, rows * width / height)))
    top, left = rng.integers(image.shape[0] - rows + 1), rng.integers(image.shape[1] - columns + 1)
    crop = image[top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    out = cv2.resize(np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < REPAINTED_SHARE:
        out = repainted(rng, out)
    shelf = scenes.names[index].startswith("shop/")
    if shelf or (not sharp and rng.random() < 0.3):
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.012 if shelf else 0.002, 0.03) * width)
    return np.asarray(np.clip(out * np.float32(rng.uniform(0.7, 1.2)), 0, 255), np.uint8)


def repainted(rng: np.random.Generator, scene: Bytes) -> Bytes:
    """The scene in other colours and light, uint8 (H, W, 3): channels mixed so that grey stays grey, then a strong
    gamma."""
    mix = np.eye(3) + rng.uniform(0.0, 0.9) * (rng.dirichlet(np.ones(3), 3) - np.eye(3))
    curve = 255.0 * (np.arange(256) / 255.0) ** np.exp(rng.normal(0.0, 0.5))
    return np.asarray(cv2.LUT(cv2.transform(scene, mix), np.rint(curve).astype(np.uint8)), np.uint8)


def _rooms(scenes: Dataset) -> Dataset:
    """The scenes without the shop shelves."""
    return scenes.only([index for index, name in enumerate(scenes.names) if not name.startswith("shop/")])
