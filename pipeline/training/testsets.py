"""Products with exact truth for measuring: `products-test` over plain, shaded and busy scenes, by a fixed seed.

The scenes are drawn here and not by the training's own generator, so that a network is not measured on the very
distribution it was trained on. Products, and the backgrounds of the busy set and of the empty scenes, are those which
the training never sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.training.cache import VALIDATION_SHARD, Page, Pixels, masked_pages, product_pages, scene_pages
from pipeline.training.composite import Cutting, merged, placed

Plane = npt.NDArray[np.float32]
Kind = Literal["plain", "shaded", "busy"]

SEED = 20_240_517
LONG_SIDE = 1000
SHAPES = ((1000, 1000), (1000, 750), (1000, 800), (750, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One image to measure on: uint8 RGB (H, W, 3) and its true alpha, float32 (H, W) in 0..1."""

    name: str
    image: Pixels
    truth: Plane


def products(data: Path, kind: Kind, limit: int | None = None) -> Iterator[Case]:
    """Each product of `products-test` once, over a scene of the given kind; the same images at every call.

    `limit` asks for that many at most, spread evenly over the file, which is sorted by shop.
    """
    scenes = list(scene_pages(data / "backgrounds/backgrounds-test.parquet")) if kind == "busy" else []
    pages = list(product_pages(data / "products/products-test.parquet"))
    count = min(limit or len(pages), len(pages))
    for index in np.linspace(0, len(pages) - 1, count).round().astype(int).tolist():
        page = pages[index]
        rng = np.random.default_rng([SEED, ["plain", "shaded", "busy"].index(kind), index])
        yield _case(rng, page, kind, scenes)


def empty(data: Path) -> Iterator[Case]:
    """The scenes of `backgrounds-test` by themselves: nothing in them is a product."""
    for page in scene_pages(data / "backgrounds/backgrounds-test.parquet"):
        yield _as_case(page)


def photographs(data: Path, limit: int | None = None) -> Iterator[Case]:
    """Natural photographs with salient objects: the shard of DUTS-TR that is never trained on."""
    for page in islice(masked_pages([data / VALIDATION_SHARD]), limit):
        yield _as_case(page)


def _as_case(page: Page) -> Case:
    truth = page.rgba[..., 3].astype(np.float32) / np.float32(255)
    return Case(name=page.name, image=np.ascontiguousarray(page.rgba[..., :3]), truth=truth)


def _case(rng: np.random.Generator, page: Page, kind: Kind, scenes: list[Page]) -> Case:
    height, width = SHAPES[int(rng.integers(len(SHAPES)))]
    layer = placed(rng, Cutting(rgba=page.rgba, sides=page.sides), height, width, share=rng.uniform(0.7, 0.95))
    alpha = layer[..., 3].astype(np.float32) / np.float32(255)
    if kind == "busy":
        scene = _covering(scenes[int(rng.integers(len(scenes)))].rgba[..., :3], height, width)
    else:
        scene = np.broadcast_to(_backdrop_colour(rng), (height, width, 3)).astype(np.float32)
    if kind == "shaded":
        scene = _lit(rng, scene, alpha)
    return Case(name=page.name, image=np.ascontiguousarray(merged(scene, layer)[..., :3]), truth=alpha)


def _backdrop_colour(rng: np.random.Generator) -> Plane:
    """White, near white, or any colour, a third each; float32 (3,)."""
    kind = rng.integers(3)
    if kind == 0:
        return np.full(3, 255, np.float32)
    if kind == 1:
        return np.asarray(rng.integers(236, 253) + rng.integers(-2, 3, 3), np.float32)
    return np.asarray(rng.integers(0, 256, 3), np.float32)


def _lit(rng: np.random.Generator, scene: Plane, alpha: Plane) -> Plane:
    """Light that falls off across the scene, and the product's soft shadow on it; float32 (H, W, 3)."""
    height, width = alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.array([[[height]], [[width]]], np.float32)
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.35)
    light = 1.0 - np.float32(fall) * np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
    shift = np.array([[1, 0, rng.normal(0, 0.02) * width], [0, 1, rng.uniform(0.005, 0.04) * height]], np.float32)
    shade = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, (width, height)), (0, 0), rng.uniform(0.008, 0.03) * width)
    lit = scene * (light * (1.0 - np.float32(rng.uniform(0.15, 0.5)) * shade))[..., None]
    return np.asarray(lit, np.float32)


def _covering(image: Pixels, height: int, width: int) -> Plane:
    """`image` enlarged and cropped about its middle to cover (height, width), float32 (H, W, 3)."""
    scale = max(height / image.shape[0], width / image.shape[1])
    rows, columns = max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale))
    large = cv2.resize(np.ascontiguousarray(image), (columns, rows), interpolation=cv2.INTER_CUBIC)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.asarray(large[top : top + height, left : left + width], np.float32)
