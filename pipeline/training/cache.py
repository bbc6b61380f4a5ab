"""The training images, decoded once into flat uint8 files that every later epoch maps into memory.

Decoding WebP costs as much as a third of a training step, so each Parquet file is decoded once. An album is one file
of pixels, four channels interleaved (RGB and alpha, so that one resize moves both), and one index of offsets and sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

Pixels = npt.NDArray[np.uint8]
Row = dict[str, Any]

VALIDATION_SHARD = "duts/duts-tr-07.parquet"
TRAINING_SHARDS = tuple(f"duts/duts-tr-{index:02d}.parquet" for index in range(7))
# The shortest side of a clearing (px): what is smaller shows too little to be a scene.
CLEARING_SIDE = 100
SIDES = ("touches_top", "touches_bottom", "touches_left", "touches_right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One decoded image on its way into an album: uint8 (H, W, 4), a name, and the frame sides that cut its subject."""

    name: str
    rgba: Pixels
    sides: tuple[bool, bool, bool, bool] = (False, False, False, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Many uint8 (H, W, 4) images in the memory map of `file`; `sides[i]` are top, bottom, left, right."""

    file: Path
    pixels: Pixels
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    sides: npt.NDArray[np.bool_]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self) -> tuple[Callable[..., Album], tuple[object, ...]]:
        """Another process maps the file too; its pixels do not travel."""
        return _mapped, (self.file, self.offsets, self.sizes, self.sides, self.names)

    def __getitem__(self, index: int) -> Pixels:
        """The image at `index`, uint8 (H, W, 4), a read-only view."""
        height, width = self.sizes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 4].reshape(height, width, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Albums:
    """Everything the sampler draws from.

    `natural`: photographs with their mask as alpha. `products`: cutouts, colours premultiplied by alpha (so that they
    may be resized), cropped to what is visible. `scenes`: backgrounds, alpha 0. `clearings`: what lies beside the
    subjects of photographs, alpha 0.
    """

    natural: Album
    products: Album
    scenes: Album
    clearings: Album


def open_albums(data: Path, cache: Path, *, licensed: bool = False) -> Albums:
    """The albums of the training data in `data`, decoded into `cache` where they are not there yet.

    `licensed` leaves DUTS-TR out, whose authors state no licence: of the photographs only street fashion remains.
    """
    fashion = [data / "fashion/ccp-fashion.parquet"]
    natural = fashion if licensed else [*(data / shard for shard in TRAINING_SHARDS), *fashion]
    kind = "fashion" if licensed else "natural"
    return Albums(
        natural=album(cache / kind, lambda: masked_pages(natural)),
        products=album(cache / "products", lambda: product_pages(data / "products/products-train.parquet")),
        scenes=album(cache / "scenes", lambda: scene_pages(data / "backgrounds/backgrounds-train.parquet")),
        clearings=album(cache / f"{kind}-clearings", lambda: clearing_pages(natural)),
    )


def masked_pages(files: Sequence[Path]) -> Iterator[Page]:
    """Photographs with a mask (`name, image, mask`), the mask as alpha."""

    def masked(row: Row) -> Page:
        image, mask = _decoded(row["image"], cv2.IMREAD_COLOR_RGB), _decoded(row["mask"], cv2.IMREAD_GRAYSCALE)
        return Page(name=row["name"], rgba=np.dstack([image, mask]))

    for file in files:
        yield from _pages(file, ["name", "image", "mask"], masked)


def product_pages(file: Path) -> Iterator[Page]:
    """Cutouts, premultiplied and cropped to their visible box; a side that the frame cut keeps its contact."""

    def cropped(row: Row) -> Page:
        bgra = _decoded(row["rgba_webp"], cv2.IMREAD_UNCHANGED)
        rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
        left, top, width, height = cv2.boundingRect((rgba[..., 3] > 8).astype(np.uint8))
        visible = rgba[top : top + height, left : left + width]
        top_, bottom, left_, right = (bool(row[side]) for side in SIDES)
        return Page(name=row["name"], rgba=premultiplied(visible), sides=(top_, bottom, left_, right))

    return _pages(file, ["name", "rgba_webp", *SIDES], cropped)


def scene_pages(file: Path) -> Iterator[Page]:
    """Backgrounds, with an alpha of zero."""

    def bare(row: Row) -> Page:
        image = _decoded(row["image"], cv2.IMREAD_COLOR_RGB)
        return Page(name=row["name"], rgba=np.dstack([image, np.zeros(image.shape[:2], np.uint8)]))

    return _pages(file, ["name", "image"], bare)


def clearing_pages(files: Sequence[Path]) -> Iterator[Page]:
    """What photographs show beside their subject, with an alpha of zero: a few hundred rooms are too few to know all.

    Of the four strips beside the subject's box the largest, where its shorter side has `CLEARING_SIDE` pixels.
    """
    for page in masked_pages(files):
        strip = max(_strips(page.rgba), key=lambda rgba: min(rgba.shape[:2]) * rgba.size)
        if min(strip.shape[:2]) >= CLEARING_SIDE:
            yield Page(name=page.name, rgba=np.dstack([strip[..., :3], np.zeros(strip.shape[:2], np.uint8)]))


def _strips(rgba: Pixels) -> tuple[Pixels, ...]:
    """What lies above, below, to the left and to the right of the visible box and a small margin, uint8 (·, ·, 4)."""
    left, top, width, height = cv2.boundingRect((rgba[..., 3] > 0).astype(np.uint8))
    margin = max(rgba.shape[:2]) // 40
    above, below = max(0, top - margin), top + height + margin
    before, behind = max(0, left - margin), left + width + margin
    return rgba[:above], rgba[below:], rgba[:, :before], rgba[:, behind:]


def premultiplied(rgba: Pixels) -> Pixels:
    """Colours times alpha, uint8 (H, W, 4); the alpha stays."""
    alpha = rgba[..., 3:].astype(np.uint16)
    colours = (rgba[..., :3] * alpha + 127) // 255
    return np.concatenate([colours.astype(np.uint8), rgba[..., 3:]], axis=2)


def _pages(file: Path, columns: list[str], page: Callable[[Row], Page]) -> Iterator[Page]:
    """What `page` makes of each row, on all cores: decoding holds no lock."""
    with ThreadPoolExecutor() as pool:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=64, columns=columns):
            yield from pool.map(page, batch.to_pylist())


def _decoded(data: bytes, flags: int) -> Pixels:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ValueError("an image of the training data cannot be decoded")
    return np.asarray(image, np.uint8)


def album(stem: Path, pages: Callable[[], Iterable[Page]]) -> Album:
    """The album at `stem`, made of `pages` where it is missing; its index, written last, vouches for the pixels."""
    index, pixels = stem.with_suffix(".npz"), stem.with_suffix(".u8")
    if not index.exists():
        stem.parent.mkdir(parents=True, exist_ok=True)
        _write(index, pixels, pages())
    with np.load(index) as arrays:
        return _mapped(pixels, arrays["offsets"], arrays["sizes"], arrays["sides"], tuple(arrays["names"].tolist()))


def _mapped(
    file: Path,
    offsets: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    sides: npt.NDArray[np.bool_],
    names: tuple[str, ...],
) -> Album:
    pixels = np.memmap(file, np.uint8, mode="r")
    return Album(file=file, pixels=pixels, offsets=offsets, sizes=sizes, sides=sides, names=names)


def _write(index: Path, pixels: Path, pages: Iterable[Page]) -> None:
    offsets, sizes, sides, names, position = [], [], [], [], 0
    with pixels.open("wb") as out:
        for page in pages:
            out.write(np.ascontiguousarray(page.rgba).data)
            offsets.append(position)
            sizes.append(page.rgba.shape[:2])
            sides.append(page.sides)
            names.append(page.name)
            position += page.rgba.size
    part = index.with_name(index.stem + ".part.npz")
    np.savez(part, offsets=np.array(offsets, np.int64), sizes=np.array(sizes, np.int64), sides=sides, names=names)
    part.replace(index)
