"""Reads the training images from their tables: decoded, each with its alpha, its name and the frame sides that cut
it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pyarrow.parquet as pq

from cutouts.core.errors import StorageError
from cutouts.core.matting.cutout import cutout
from cutouts.core.pixels import Bytes, Photograph

TableRow = dict[str, Any]
Built = TypeVar("Built")

# The shortest side of a clearing (px); smaller areas show too little of a scene.
CLEARING_SIDE = 100
SIDES = ("touches_top", "touches_bottom", "touches_left", "touches_right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A decoded image to store in a dataset: uint8 (H, W, 4), its name, and the frame sides that cut its subject."""

    name: str
    rgba: Bytes
    sides: tuple[bool, bool, bool, bool] = (False, False, False, False)


def masked_examples(files: Sequence[Path]) -> Iterator[Example]:
    """Photographs with a mask (`name, image, mask`), with the mask as alpha. Raises StorageError if an image cannot be
    decoded."""

    def masked(row: TableRow) -> Example:
        image, mask = _decoded(row, "image", cv2.IMREAD_COLOR_RGB), _decoded(row, "mask", cv2.IMREAD_GRAYSCALE)
        return Example(name=row["name"], rgba=np.dstack([image, mask]))

    for file in files:
        yield from _examples(file, ["name", "image", "mask"], masked)


def product_examples(file: Path) -> Iterator[Example]:
    """Cutouts, premultiplied and cropped to their visible box; `sides` still says which sides the frame cut."""

    def cropped(row: TableRow) -> Example:
        bgra = _decoded(row, "rgba_webp", cv2.IMREAD_UNCHANGED)
        top, bottom, left, right = (bool(row[side]) for side in SIDES)
        visible = _visible(np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA), np.uint8))
        return Example(name=row["name"], rgba=visible, sides=(top, bottom, left, right))

    return _examples(file, ["name", "rgba_webp", *SIDES], cropped)


def scene_examples(file: Path) -> Iterator[Example]:
    """Backgrounds, with an alpha of zero."""

    def bare(row: TableRow) -> Example:
        image = _decoded(row, "image", cv2.IMREAD_COLOR_RGB)
        return Example(name=row["name"], rgba=np.dstack([image, np.zeros(image.shape[:2], np.uint8)]))

    return _examples(file, ["name", "image"], bare)


def render_examples(files: Sequence[Path]) -> Iterator[Example]:
    """Renders of 3D models on their own ground (`name, image, alpha, coverage`), with the matte as alpha.

    Clear glass is almost completely transparent, but a shop wants to show it, so the matte is at least half of its
    silhouette, `coverage`.
    """

    def own(row: TableRow) -> Example:
        return Example(name=row["name"], rgba=np.dstack([_decoded(row, "image", cv2.IMREAD_COLOR_RGB), _matte(row)]))

    for file in files:
        yield from _examples(file, ["name", "image", "alpha", "coverage"], own)


def model_examples(files: Sequence[Path]) -> Iterator[Example]:
    """The products of renders without glass, as cutouts like those of `product_examples`.

    Their colours come from the image; at soft edges, they are estimated as for every cutout.
    """

    def alone(row: TableRow) -> Example | None:
        alpha = _decoded(row, "alpha", cv2.IMREAD_GRAYSCALE)
        if row["coverage"] is not None or alpha.max() < 255:
            return None
        image = Photograph(rgb=_decoded(row, "image", cv2.IMREAD_COLOR_RGB))
        return Example(name=row["name"], rgba=_visible(cutout(image, alpha)))

    for file in files:
        examples = _examples(file, ["name", "image", "alpha", "coverage"], alone)
        yield from (example for example in examples if example is not None)


def _matte(row: TableRow) -> Bytes:
    alpha = _decoded(row, "alpha", cv2.IMREAD_GRAYSCALE)
    if row["coverage"] is None:
        return alpha
    coverage = _decoded(row, "coverage", cv2.IMREAD_GRAYSCALE)
    return np.asarray(np.maximum(alpha, coverage - coverage // 2), np.uint8)


def clearing_examples(files: Sequence[Path]) -> Iterator[Example]:
    """The areas of photographs beside their subject, with an alpha of zero. They are needed because a few hundred
    scenes are too few.

    Of the four strips beside the subject's box, the largest is taken, if its shorter side has at least `CLEARING_SIDE`
    pixels.
    """
    for example in masked_examples(files):
        strip = max(_strips(example.rgba), key=lambda rgba: min(rgba.shape[:2]) * rgba.size)
        if min(strip.shape[:2]) >= CLEARING_SIDE:
            yield Example(name=example.name, rgba=np.dstack([strip[..., :3], np.zeros(strip.shape[:2], np.uint8)]))


def _strips(rgba: Bytes) -> tuple[Bytes, ...]:
    """The areas above, below, left and right of the visible box with a small margin, uint8 (·, ·, 4)."""
    left, top, width, height = cv2.boundingRect((rgba[..., 3] > 0).astype(np.uint8))
    margin = max(rgba.shape[:2]) // 40
    above, below = max(0, top - margin), top + height + margin
    before, behind = max(0, left - margin), left + width + margin
    return rgba[:above], rgba[below:], rgba[:, :before], rgba[:, behind:]


def premultiplied(rgba: Bytes) -> Bytes:
    """Colours multiplied by alpha, uint8 (H, W, 4); the alpha is unchanged."""
    alpha = rgba[..., 3:].astype(np.uint16)
    colours = (rgba[..., :3] * alpha + 127) // 255
    return np.concatenate([colours.astype(np.uint8), rgba[..., 3:]], axis=2)


def _visible(rgba: Bytes) -> Bytes:
    """Premultiplied, and cropped to the visible box, uint8 (·, ·, 4)."""
    left, top, width, height = cv2.boundingRect((rgba[..., 3] > 8).astype(np.uint8))
    return premultiplied(rgba[top : top + height, left : left + width])


def _examples(file: Path, columns: list[str], example: Callable[[TableRow], Built]) -> Iterator[Built]:
    """The result of `example` for each row, computed on all cores, because decoding releases the interpreter's lock."""
    with ThreadPoolExecutor() as pool:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=64, columns=columns):
            yield from pool.map(example, batch.to_pylist())


def _decoded(row: TableRow, column: str, flags: int) -> Bytes:
    image = cv2.imdecode(np.frombuffer(row[column], np.uint8), flags)
    if image is None:
        raise StorageError(f"the training data cannot be decoded: {column} of {row['name']} is not an image")
    return np.asarray(image, np.uint8)
