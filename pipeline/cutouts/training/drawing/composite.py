"""Composites: products with true alpha placed in scenes, with light, shadows, reflections and other products.

A canvas has about the network's resolution: pasting a product at full size and then shrinking it costs several times as
much as a training step, and the network sees no difference. Colours are premultiplied, so that they can be resized.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.data.cache import Datasets
from cutouts.training.drawing.camera import lens
from cutouts.training.drawing.erase import emptied
from cutouts.training.drawing.garments import garment
from cutouts.training.drawing.relight import relit
from cutouts.training.drawing.scenes import backdrop, empty_scene
from cutouts.training.drawing.shapes import shape

ASPECTS = (1.0, 1.0, 0.75, 0.75, 0.8, 0.667, 1.333, 1.5)
LOW_CONTRAST_SHARE = 0.38
COMPANY_SHARE = 0.12
GARMENT_SHARE = 0.25
SHAPE_SHARE = 0.18
MODEL_SHARE = 0.35
"""Share of photographed products that are replaced by rendered 3D models, if there are any."""
FRAMED_SHARE = 0.2
EMPTIED_SHARE = 0.5
TOP, BOTTOM, LEFT, RIGHT = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """A product ready to be placed: uint8 (H, W, 4), premultiplied, and the frame sides that cut it.

    `featureless`: only its outline distinguishes it from the background, so it is not placed on a backdrop of its own
    colour.
    """

    rgba: Bytes
    sides: tuple[bool, bool, bool, bool]
    featureless: bool = False


def composite(rng: np.random.Generator, datasets: Datasets, size: int) -> Bytes:
    """One composite of about `size` pixels per side, uint8 (H, W, 4): a picture and its true alpha."""
    height, width = _canvas(rng, size)
    cutting = _product(rng, datasets, size)
    hidden = not cutting.featureless and rng.random() < LOW_CONTRAST_SHARE
    near = edge_colour(rng, cutting.rgba) if hidden else None
    scene = backdrop(rng, datasets, height, width, near)
    layer = placed(rng, cutting, height, width)
    if not any(cutting.sides) and rng.random() < COMPANY_SHARE:
        for _ in range(int(rng.integers(1, 3))):
            layer = _over(placed(rng, _loose(rng, datasets, size), height, width, share=rng.uniform(0.2, 0.5)), layer)
    ground = _grounded(rng, scene.astype(np.float32), layer)
    return lens(rng, merged(ground, layer))


def nothing(rng: np.random.Generator, datasets: Datasets, size: int) -> Bytes:
    """A scene without a product, uint8 (H, W, 4), alpha 0."""
    if rng.random() < EMPTIED_SHARE:
        photograph = datasets.natural[int(rng.integers(len(datasets.natural)))]
        scene = emptied(rng, photograph)
        if scene is not None:
            return lens(rng, cropped(rng, scene))
    height, width = _canvas(rng, size)
    scene = empty_scene(rng, datasets, height, width)
    return lens(rng, np.dstack([scene, np.zeros((height, width), np.uint8)]))


def cropped(rng: np.random.Generator, rgba: Bytes) -> Bytes:
    """A crop of 75 to 100 % of each side, mirrored half of the time, uint8 (H, W, 4)."""
    height, width = rgba.shape[:2]
    rows, columns = int(height * rng.uniform(0.75, 1.0)), int(width * rng.uniform(0.75, 1.0))
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    crop = rgba[top : top + rows, left : left + columns]
    return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)


def merged(ground: Floats, layer: Bytes) -> Bytes:
    """`layer` (uint8, premultiplied) over `ground` (float32 RGB), uint8 (H, W, 4) with the layer's alpha."""
    alpha = layer[..., 3:]
    rest = (255 - layer[..., 3]).astype(np.float32) * np.float32(1 / 255)
    seen = cv2.add(ground * rest[..., None], layer[..., :3], dtype=cv2.CV_8U)
    return np.concatenate([seen, alpha], axis=2)


def edge_colour(rng: np.random.Generator, rgba: Bytes) -> Floats:
    """A colour of the product near its edge, float32 RGB; a backdrop of a similar colour hides the edge."""
    small = rgba[:: max(1, rgba.shape[0] // 96), :: max(1, rgba.shape[1] // 96)]
    solid = (small[..., 3] > 240).astype(np.uint8)
    inner = cv2.erode(solid, np.ones((9, 9), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    rim = small[(solid > 0) & (inner == 0)]
    if len(rim) == 0:
        return np.full(3, 245.0, np.float32)
    spot = rim[rng.integers(len(rim))]
    return np.asarray(spot[:3], np.float32)


def placed(rng: np.random.Generator, cutting: Cutting, height: int, width: int, share: float | None = None) -> Bytes:
    """The cutting on an empty canvas, uint8 (H, W, 4): scaled, placed at the sides that cut it, and sometimes turned if
    no side cuts it."""
    rgba = cutting.rgba
    if not any(cutting.sides) and rng.random() < 0.45:
        rgba = _turned(rgba, rng.normal(0, 8) if rng.random() < 0.75 else rng.uniform(-180, 180))
    scale = _scale(rng, rgba, cutting.sides, height, width, share)
    rows, columns = max(4, round(rgba.shape[0] * scale)), max(4, round(rgba.shape[1] * scale))
    small = _shrunk(rgba, rows, columns)
    top = _start(rng, height - rows, cutting.sides[TOP], cutting.sides[BOTTOM])
    left = _start(rng, width - columns, cutting.sides[LEFT], cutting.sides[RIGHT])
    return _pasted(small, top, left, height, width)


def _canvas(rng: np.random.Generator, size: int) -> tuple[int, int]:
    short = size * rng.uniform(0.95, 1.25)
    aspect = float(rng.choice(ASPECTS))
    return round(short * max(1.0, 1.0 / aspect)), round(short * max(1.0, aspect))


def _product(rng: np.random.Generator, datasets: Datasets, size: int) -> Cutting:
    """A drawn garment or shape, or a photographed product, which also replaces garments or shapes that should not be
    drawn."""
    kind = rng.random()
    if kind < GARMENT_SHARE and datasets.garments:
        return _garment(rng, datasets, size)
    if GARMENT_SHARE <= kind < GARMENT_SHARE + SHAPE_SHARE and datasets.shapes:
        rgba, sides = shape(rng, datasets.natural, round(size * rng.uniform(0.8, 1.2)))
        return Cutting(rgba=rgba, sides=sides, featureless=True)
    return _cutting(rng, datasets, size)


def _garment(rng: np.random.Generator, datasets: Datasets, size: int) -> Cutting:
    """A drawn garment lying flat; sometimes the frame shows only a part of it."""
    rgba = garment(rng, datasets.natural, round(size * rng.uniform(0.8, 1.2)))
    if rng.random() >= FRAMED_SHARE:
        return Cutting(rgba=rgba, sides=(False, False, False, False))
    rows, upper = round(rgba.shape[0] * rng.uniform(0.45, 0.9)), bool(rng.random() < 0.5)
    return Cutting(rgba=rgba[:rows] if upper else rgba[-rows:], sides=(not upper, upper, False, False))


def _cutting(rng: np.random.Generator, datasets: Datasets, size: int) -> Cutting:
    """A random product with its longer side below 2.4 times `size`, possibly mirrored, relit, with a print, or turned
    to glass."""
    dataset = datasets.products
    if datasets.models is not None and rng.random() < MODEL_SHARE:
        dataset = datasets.models
    index = int(rng.integers(len(dataset)))
    rgba = _halved(dataset[index], 2.4 * size)
    top, bottom, left, right = (bool(side) for side in dataset.sides[index])
    if rng.random() < 0.5:
        rgba, left, right = rgba[:, ::-1], right, left
    rgba = relit(rng, np.ascontiguousarray(rgba))
    return Cutting(rgba=rgba, sides=(top, bottom, left, right))


def _halved(rgba: Bytes, limit: float) -> Bytes:
    """`rgba` at ½, ¼ … of its size until its longer side is below `limit` pixels, uint8 (·, ·, 4)."""
    while max(rgba.shape[:2]) >= limit and min(rgba.shape[:2]) >= 8:
        half = (rgba.shape[1] // 2, rgba.shape[0] // 2)
        rgba = np.asarray(cv2.resize(rgba, half, interpolation=cv2.INTER_LINEAR), np.uint8)
    return rgba


def _loose(rng: np.random.Generator, datasets: Datasets, size: int) -> Cutting:
    """A product that no frame side cuts; after a few failed draws, any product, treated as if no side cut it."""
    for _ in range(8):
        cutting = _cutting(rng, datasets, size)
        if not any(cutting.sides):
            return cutting
    return Cutting(rgba=cutting.rgba, sides=(False, False, False, False))


def _turned(rgba: Bytes, degrees: float) -> Bytes:
    """The product rotated about its middle, on a canvas that contains all of it, uint8 (H, W, 4)."""
    height, width = rgba.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    columns, rows = int(height * sin + width * cos) + 2, int(height * cos + width * sin) + 2
    turn[:, 2] += (columns / 2 - width / 2, rows / 2 - height / 2)
    return np.asarray(cv2.warpAffine(rgba, turn, (columns, rows)), np.uint8)


def _scale(
    rng: np.random.Generator,
    rgba: Bytes,
    sides: tuple[bool, bool, bool, bool],
    height: int,
    width: int,
    share: float | None,
) -> float:
    """The factor from the cutting's pixels to the canvas's; a product that is cut on two opposite sides spans the
    canvas."""
    rows, columns = rgba.shape[:2]
    fit = min(height / rows, width / columns)
    if sides[TOP] and sides[BOTTOM]:
        return float(height / rows)
    if sides[LEFT] and sides[RIGHT]:
        return float(width / columns)
    if share is not None:
        return float(fit * share)
    return float(fit * (rng.uniform(0.62, 0.98) if rng.random() < 0.78 else rng.uniform(0.3, 1.15)))


def _shrunk(rgba: Bytes, rows: int, columns: int) -> Bytes:
    """Resized to (rows, columns) by a halving chain, uint8 (·, ·, 4)."""
    height, width = rgba.shape[:2]
    while height >= 2 * rows and width >= 2 * columns:
        height, width = height // 2, width // 2
        rgba = np.asarray(cv2.resize(rgba, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.resize(rgba, (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)


def _start(rng: np.random.Generator, room: int, at_start: bool, at_end: bool) -> int:
    """The start of the cutting along one axis (px), with `room` pixels to spare (negative: it is cut off)."""
    if at_start:
        return 0 if room >= 0 or not at_end else room // 2
    if at_end:
        return room
    if rng.random() < 0.6:
        return round(room * float(np.clip(rng.normal(0.5, 0.08), 0, 1)))
    return round(room * rng.uniform(0, 1))


def _pasted(small: Bytes, top: int, left: int, height: int, width: int) -> Bytes:
    """`small` at (top, left) of an empty canvas, uint8 (height, width, 4); parts outside are cut off."""
    layer = np.zeros((height, width, 4), np.uint8)
    up, to_left = max(0, top), max(0, left)
    part = small[up - top : height - top, to_left - left : width - left]
    layer[up : up + part.shape[0], to_left : to_left + part.shape[1]] = part
    return layer


def _over(front: Bytes, back: Bytes) -> Bytes:
    """Premultiplied `front` over premultiplied `back`, uint8 (H, W, 4)."""
    rest = 1.0 - front[..., 3:].astype(np.float32) / 255.0
    return np.asarray(np.rint(front + back * rest).clip(0, 255), np.uint8)


def _grounded(rng: np.random.Generator, ground: Floats, layer: Bytes) -> Floats:
    """The scene with the product's cast shadow, contact shadow and reflection, float32 (H, W, 3)."""
    alpha = layer[..., 3].astype(np.float32) / 255.0
    if rng.random() < 0.4:
        ground = ground * (1.0 - _cast(rng, alpha))[..., None]
    feet = np.flatnonzero(alpha.max(axis=1) > 0.5)
    if len(feet) == 0 or feet[-1] >= alpha.shape[0] - 2:
        return ground
    if rng.random() < 0.45:
        ground = ground * (1.0 - _contact(rng, alpha, int(feet[-1])))[..., None]
    if rng.random() < 0.08:
        ground = _reflected(rng, ground, layer, int(feet[-1]))
    return ground


def _cast(rng: np.random.Generator, alpha: Floats) -> Floats:
    """The darkness of a cast shadow, float32 (H, W) in 0..0.6: the silhouette sheared, squashed or moved, and
    blurred."""
    height, width = alpha.shape
    small = cv2.resize(alpha, (max(8, width // 4), max(8, height // 4)), interpolation=cv2.INTER_AREA)
    rows, columns = small.shape
    squash, shear = rng.uniform(0.5, 1.05), rng.normal(0, 0.35)
    sideways, downwards = rng.normal(0, 0.05) * columns, rng.uniform(-0.02, 0.08) * rows
    base = np.flatnonzero(small.max(axis=1) > 0.3)
    foot = float(base[-1]) if len(base) else float(rows)
    warp = np.array([[1, -shear, shear * foot + sideways], [0, squash, foot * (1 - squash) + downwards]], np.float32)
    shade = cv2.warpAffine(small, warp, (columns, rows))
    shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.006, 0.05) * columns)
    depth = np.float32(rng.uniform(0.08, 0.6))
    return np.asarray(cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR) * depth, np.float32)


def _contact(rng: np.random.Generator, alpha: Floats, foot: int) -> Floats:
    """The darkness of the contact shadow, float32 (H, W): a flat soft ellipse where the product stands."""
    height, width = alpha.shape
    touching = np.flatnonzero(alpha[max(0, foot - height // 20) : foot + 1].max(axis=0) > 0.4)
    if len(touching) == 0:
        return np.zeros_like(alpha)
    shade = np.zeros((height, width), np.float32)
    middle = (int(touching.mean()), foot)
    span = float(touching[-1] - touching[0])
    axes = (max(2, int(span * rng.uniform(0.45, 0.65))), max(1, int(height * rng.uniform(0.006, 0.03))))
    cv2.ellipse(shade, middle, axes, 0, 0, 360, float(rng.uniform(0.25, 0.8)), -1)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.004, 0.02) * width), np.float32)


def _reflected(rng: np.random.Generator, ground: Floats, layer: Bytes, foot: int) -> Floats:
    """The scene with a fading mirror image below the product's foot, float32 (H, W, 3)."""
    rows = min(layer.shape[0] - foot - 1, foot + 1)
    mirror = layer[foot - rows + 1 : foot + 1][::-1].astype(np.float32)
    fade = np.linspace(rng.uniform(0.1, 0.4), 0.0, rows, dtype=np.float32)[:, None, None]
    out = ground.copy()
    below = out[foot + 1 : foot + 1 + rows]
    below *= 1.0 - fade * mirror[..., 3:] / 255.0
    below += fade * mirror[..., :3]
    return out
