"""Test sets: images with their truths, from folders or from a Parquet file, one in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.images import SUFFIXES, decode
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.core.errors import ConfigError, ImageRejected
from cutouts.core.pixels import Floats, Photograph
from cutouts.core.sources.locations import Reading, parse_prefixes

MAX_PIXELS = 400_000_000
"""The largest test image (px)."""
TEST_IMAGES = Reading(allowed=parse_prefixes(["/"]), max_bytes=512_000_000, seconds=60)
"""Test sets belong to the user and are not published, so their links may lead anywhere on this machine."""
COLOURED = 16
"""The channels of a grey mask may differ by this many levels, because JPEG causes such differences."""
IMAGES, TRUTH = "images", "truth"
"""The two folders of a set that is a single folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One image that contenders are run on."""

    name: str
    photograph: Photograph


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Question):
    """One image with known truth: its true alpha, float32 (H, W) in 0..1, at the photograph's size."""

    truth: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An image that cannot be used, or for which a contender has no matte, and the reason."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """`count` images with one name; `cases` reads them one after the other, the same images at each call.

    `unused` is the number of truths without an image.
    """

    name: str
    count: int
    cases: Callable[[], Iterator[Case | Lost]]
    unused: int = 0


def unused_truths(sets: Iterable[ImageSet]) -> Iterator[str]:
    """A line for each set that has truths without an image."""
    for one in sets:
        if one.unused:
            yield f"{one.name}: truths without an image: {one.unused}"


def open_sets(images: Sequence[Path], truths: Sequence[Path], *, limit: int | None = None) -> list[ImageSet]:
    """The sets at `images`: Parquet files, folders that contain `images/` and `truth/`, and folders that use the next
    of `truths`.

    Raises ConfigError if a folder has no truth, a truth has no folder, or two sets have the same name.
    """
    left, sets = list(truths), []
    for path in images:
        if path.is_file():
            sets.append(parquet_set(path, limit=limit))
        elif (path / IMAGES).is_dir() and (path / TRUTH).is_dir():
            sets.append(folder_set(path / IMAGES, path / TRUTH, name=path.name, limit=limit))
        elif left:
            sets.append(folder_set(path, left.pop(0), name=path.name, limit=limit))
        else:
            raise ConfigError(f"{path} has no truth", ["name its folder with --truth, in the order of --images"])
    if left:
        raise ConfigError("there are more --truth than --images", [f"{path} has no images" for path in left])
    names = [one.name for one in sets]
    if again := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError("duplicate set name", [f"{name}: rename a folder or a file" for name in again])
    return sets


def folder_set(images: Path, truth: Path, *, name: str, limit: int | None = None) -> ImageSet:
    """The images below a folder, each with the truth that has the same path below `truth` except for the suffix.

    At most `limit` images are used, spread evenly over the names. Raises ConfigError if the folder has no images.
    """
    truths = by_stem(truth)
    files = {path: _stem(images, path) for path in _pictures(images, without=truth)}
    if not files:
        raise ConfigError("no image to measure on", [f"no image found in {images}"])
    chosen = [list(files)[index] for index in spread(len(files), limit)]

    def cases() -> Iterator[Case | Lost]:
        for path in chosen:
            found = truths.get(files[path], [])
            yield _read(files[path], path, found[0]) if len(found) == 1 else _unmatched(files[path], found, truth)

    unused = len(set(truths) - set(files.values()))
    return ImageSet(name=name, count=len(chosen), cases=cases, unused=unused)


def questions(folder: Path, *, limit: int | None = None) -> tuple[int, Iterator[Question | Lost]]:
    """The number of images that are used from a folder, and these images, without truth.

    At most `limit` images are used, spread evenly over the names. Raises ConfigError if the folder has no images.
    """
    files = _pictures(folder)
    if not files:
        raise ConfigError("nothing to look at", [f"no image found in {folder}"])
    chosen = [files[index] for index in spread(len(files), limit)]
    return len(chosen), (_question(_stem(folder, path), path) for path in chosen)


def parquet_set(file: Path, *, limit: int | None = None) -> ImageSet:
    """The rows of a Parquet file: `name`, `image` and `mask` hold a name and two encoded pictures.

    Without a column `mask`, each image is a scene without a product. Raises ConfigError for any other table.
    """
    table = _table(file)
    chosen = spread(table.num_rows, limit)

    def cases() -> Iterator[Case | Lost]:
        for index in chosen:
            (row,) = table.slice(index, 1).to_pylist()
            yield _case(row["name"], row["image"], row.get("mask"), empty="mask" not in table.column_names)

    return ImageSet(name=file.stem, count=len(chosen), cases=cases)


def spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` of `count` indices, spread evenly; all of them without a limit."""
    return [round(at) for at in np.linspace(0, count - 1, min(limit or count, count)).tolist()]


def by_stem(folder: Path) -> Mapping[str, list[Path]]:
    """The pictures below a folder, by path without suffix; a path has several pictures if only their suffixes
    differ."""
    found = defaultdict(list)
    for path in _pictures(folder):
        found[_stem(folder, path)].append(path)
    return found


def read_plane(data: bytes) -> Floats:
    """A matte or truth from an encoded picture: its alpha if it has one, else its grey; float32 (H, W) in 0..1.

    Raises ImageRejected if the data cannot be decoded, ValueError for a colour picture without alpha, and for class
    labels, which would look black.
    """
    picture = decode(data, max_pixels=MAX_PIXELS)
    if picture.alpha is not None:
        return picture.alpha.astype(np.float32) / np.float32(255)
    red, green, blue = cv2.split(picture.rgb)
    if max(int(cv2.absdiff(red, green).max()), int(cv2.absdiff(green, blue).max())) > COLOURED:
        raise ValueError("it is a colour picture; expected a grey mask, or a cutout with alpha")
    if green.max() == 1:
        raise ValueError("its values are 0 and 1; expected 0 for outside and 255 for inside")
    return np.asarray(green, np.float32) / np.float32(255)


def misfit(plane: Floats, photograph: Photograph) -> str | None:
    """How a plane's size differs from its photograph's, in words; None if it fits."""
    width, height = photograph.size
    if plane.shape == (height, width):
        return None
    return f"{plane.shape[1]}×{plane.shape[0]} px, the image {width}×{height}"


def _pictures(folder: Path, *, without: Path | None = None) -> tuple[Path, ...]:
    """Every image below a folder, including our own cutouts, because they may be the mattes to measure."""
    return photographs(folder, SUFFIXES, without=without, with_ours=True).files


def _stem(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _unmatched(name: str, found: list[Path], truth: Path) -> Lost:
    if not found:
        return Lost(name=name, problem=f"it has no truth: {truth / name}.* is not there")
    return Lost(name=name, problem=f"it has more than one known matte: {', '.join(path.name for path in found)}")


def _question(name: str, image: Path) -> Question | Lost:
    try:
        data = read_image(str(image), TEST_IMAGES)
        return Question(name=name, photograph=decode(data, max_pixels=MAX_PIXELS))
    except ImageRejected as error:
        return Lost(name=name, problem=str(error))


def _read(name: str, image: Path, truth: Path) -> Case | Lost:
    try:
        data = [read_image(str(path), TEST_IMAGES) for path in (image, truth)]
    except ImageRejected as error:
        return Lost(name=name, problem=str(error))
    return _case(name, data[0], data[1], empty=False)


def _case(name: str, image: bytes | None, mask: bytes | None, *, empty: bool) -> Case | Lost:
    """The case, if both pictures can be read and have the same size. If `empty`, there is no mask to read."""
    try:
        photograph = decode(image or b"", max_pixels=MAX_PIXELS)
    except ImageRejected as error:
        return Lost(name=name, problem=f"its image cannot be read: {error}")
    if empty:
        return Case(name=name, photograph=photograph, truth=np.zeros(photograph.rgb.shape[:2], np.float32))
    try:
        truth = read_plane(mask or b"")
    except (ImageRejected, ValueError) as error:
        return Lost(name=name, problem=f"its truth cannot be used: {error}")
    if problem := misfit(truth, photograph):
        return Lost(name=name, problem=f"its truth does not fit: it has {problem}")
    return Case(name=name, photograph=photograph, truth=truth)


def _table(file: Path) -> pa.Table:
    """The columns name, image and, if it exists, mask. Raises ConfigError if the file cannot be used."""
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{file} cannot be read", [str(error)]) from error
    if "rgba_webp" in table.column_names:
        advice = "they have no background; make composites first: cutouts composites --help"
        raise ConfigError(f"{file} holds cutouts", [advice])
    if missing := {"name", "image"} - set(table.column_names):
        raise ConfigError(f"{file} holds no images", [f"there is no column {name}" for name in sorted(missing)])
    if not table.num_rows:
        raise ConfigError("no image to measure on", [f"{file} has no rows"])
    return table.select([name for name in ("name", "image", "mask") if name in table.column_names])
