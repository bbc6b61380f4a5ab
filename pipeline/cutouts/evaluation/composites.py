"""Makes test images with exact truth, from a fixed seed: cutouts over scenes of three kinds, empty scenes, boxes, and
renders.

The scenes are drawn here and not by the generator of the training, so that a network is not measured on exactly the
distribution that it was trained on. With `products-test` and `backgrounds-test`, products and backgrounds are ones that
the training never sees. The same files give the same pixels at every call, so that every figure can be reproduced.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.images import encode_png
from cutouts.adapters.storage.atomic_files import write_file
from cutouts.core.errors import ConfigError
from cutouts.core.pixels import Bytes, Floats
from cutouts.core.text.naming import safe_path
from cutouts.evaluation.image_sets import IMAGES, TRUTH, spread
from cutouts.training.data.examples import (
    SIDES,
    Example,
    premultiplied,
    product_examples,
    render_examples,
    scene_examples,
)
from cutouts.training.data.folds import Fold, Label, check_known, held, parse_fold, product_labels, render_labels
from cutouts.training.drawing.composite import Cutting, merged, placed

Kind = Literal["plain", "shaded", "busy", "empty", "boxes", "rendered"]

KINDS: tuple[Kind, ...] = get_args(Kind)
SEED = 20_240_517
LONG_SIDE = 1000
SHAPES = ((1000, 1000), (1000, 750), (1000, 800), (750, 1000))
BOXES = ("grey", "turned", "coloured")
"""The kinds of boxes: grey and parallel to the frame, grey and rotated, and of any colour and parallel to the frame."""
BOXES_OF_EACH = 60
STUDIO_WHITE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A test image, uint8 RGB (H, W, 3), and its true alpha, uint8 (H, W)."""

    name: str
    image: Bytes
    alpha: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files that sets are made from: cutouts (`name, rgba_webp, touches_…`), scenes (`name, image`) and renders of 3D
    models (`name, model, image, alpha, coverage`), all Parquet; `models` is the table of 3D models.

    If `only` names folds, only cutouts and renders of these folds are used.
    """

    products: Path | None = None
    backgrounds: Path | None = None
    renders: tuple[Path, ...] = ()
    models: Path | None = None
    only: tuple[Fold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """`count` composites, drawn one after the other on demand."""

    count: int
    images: Iterator[Composite]


def open_sources(
    *, products: Path | None, backgrounds: Path | None, renders: Path | None, models: Path | None, only: Sequence[str]
) -> Sources:
    """Sources of these files; `renders` is a folder. Raises ConfigError if a text in `only` is not a fold."""
    return Sources(
        products=products,
        backgrounds=backgrounds,
        renders=tuple(sorted(renders.glob("*.parquet"))) if renders else (),
        models=models,
        only=tuple(map(parse_fold, only)),
    )


def composites(sources: Sources, kind: Kind, limit: int | None = None) -> Drawing:
    """Each product once over a scene of that kind, or each scene by itself, or boxes, or renders; the same at every
    call.

    At most `limit` images are drawn, spread evenly over the file, which is sorted by shop. Raises ConfigError if a file
    that the kind needs is missing or lacks columns.
    """
    if kind == "boxes":
        chosen = spread(len(BOXES) * BOXES_OF_EACH, limit)
        return Drawing(count=len(chosen), images=map(_box, chosen))
    if kind == "rendered":
        return _renders(sources, limit)
    scenes = [] if kind in ("plain", "shaded") else list(scene_examples(_backgrounds(sources, kind)))
    if kind == "empty":
        chosen = spread(len(scenes), limit)
        return Drawing(count=len(chosen), images=(_parted(scenes[at].name, scenes[at].rgba) for at in chosen))
    file = _products(sources, kind)
    examples = list(product_examples(file))
    used = _of_folds(sources.only, [example.name for example in examples], lambda: product_labels(file))
    chosen = [used[at] for at in spread(len(used), limit)]
    return Drawing(count=len(chosen), images=(_over_scene(kind, at, examples[at], scenes) for at in chosen))


def _renders(sources: Sources, limit: int | None) -> Drawing:
    columns = {"name", "model", "image", "alpha", "coverage"}
    files = [_holding(file, "renders", "rendered", columns) for file in sources.renders or (None,)]
    names = [name for file in files for name in pq.read_table(file, columns=["name"])["name"].to_pylist()]
    used = _of_folds(sources.only, names, lambda: render_labels(files, sources.models))
    chosen = {used[at] for at in spread(len(used), limit)}
    examples = (example for at, example in enumerate(render_examples(files)) if at in chosen)
    return Drawing(count=len(chosen), images=(_parted(example.name, example.rgba) for example in examples))


def _of_folds(only: tuple[Fold, ...], names: list[str], labels: Callable[[], dict[str, Label]]) -> list[int]:
    """The indices of the names that belong to the folds. Raises ConfigError if a fold contains none of them."""
    if not only:
        return list(range(len(names)))
    known = labels()
    check_known(only, known.values(), drawn=False)
    return [at for at, name in enumerate(names) if held(only, known[name])]


def write_composites(drawing: Drawing, folder: Path, *, on_image: Callable[[], None] = lambda: None) -> None:
    """Write a set as `folder/images/NAME.png` and `folder/truth/NAME.png`, lossless.

    The folder appears only when it is complete. Raises ConfigError if it already exists.
    """
    require_no_set(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part") as place:
        part = Path(place) / folder.name
        for one in drawing.images:
            name = safe_path(f"{one.name}.png".split("/"))  # the name comes from a file and is not trusted
            write_file(part / IMAGES / name, encode_png(one.image))
            write_file(part / TRUTH / name, encode_png(one.alpha))
            on_image()
        part.rename(folder)


def require_no_set(folder: Path) -> None:
    """Raise ConfigError if the set already exists."""
    if os.path.lexists(folder):
        raise ConfigError("the set already exists", [f"remove {folder}, or give another --out"])


def _products(sources: Sources, kind: Kind) -> Path:
    return _holding(sources.products, "products", kind, {"name", "rgba_webp", *SIDES})


def _backgrounds(sources: Sources, kind: Kind) -> Path:
    return _holding(sources.backgrounds, "backgrounds", kind, {"name", "image"})


def _holding(file: Path | None, name: str, kind: Kind, columns: set[str]) -> Path:
    """The file. Raises ConfigError if it was not named, or lacks one of the columns."""
    title = f"the set {kind!r} cannot be made"
    if file is None:
        raise ConfigError(title, [f"name the file of {name} with --{name}"])
    try:
        missing = columns - set(pq.read_schema(file).names)
    except pa.ArrowInvalid as error:
        raise ConfigError(title, [f"{file}: {error}"]) from error
    if missing:
        raise ConfigError(title, [f"{file} has no column {column}" for column in sorted(missing)])
    return file


def _parted(name: str, rgba: Bytes) -> Composite:
    image, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
    return Composite(name=name, image=image, alpha=alpha)


def _over_scene(kind: Kind, index: int, example: Example, scenes: list[Example]) -> Composite:
    rng = np.random.default_rng([SEED, KINDS.index(kind), index])
    height, width = SHAPES[int(rng.integers(len(SHAPES)))]
    layer = placed(rng, Cutting(rgba=example.rgba, sides=example.sides), height, width, share=rng.uniform(0.7, 0.95))
    if kind == "busy":
        scene = _covering(scenes[int(rng.integers(len(scenes)))].rgba[..., :3], height, width)
    else:
        scene = np.broadcast_to(_backdrop_colour(rng), (height, width, 3)).astype(np.float32)
    if kind == "shaded":
        scene = _lit(rng, scene, layer[..., 3].astype(np.float32) / np.float32(255))
    return _parted(example.name, merged(scene, layer))


def _box(index: int) -> Composite:
    """A rectangle of one colour on white: the simplest possible product."""
    like, number = BOXES[index // BOXES_OF_EACH], index % BOXES_OF_EACH
    rng = np.random.default_rng([SEED, KINDS.index("boxes"), index])
    middle, sides = rng.uniform(420, 580, 2), rng.uniform(200, 700, 2)
    turn = float(rng.uniform(5, 40)) if like == "turned" else 0.0
    colour = rng.integers(0, 256, 3) if like == "coloured" else np.full(3, rng.integers(10, 200))
    corners = cv2.boxPoints((middle.tolist(), sides.tolist(), turn))
    alpha = np.zeros((LONG_SIDE, LONG_SIDE), np.uint8)
    cv2.fillPoly(alpha, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)
    box = np.dstack([np.broadcast_to(colour.astype(np.uint8), (*alpha.shape, 3)), alpha])
    white = np.full((*alpha.shape, 3), STUDIO_WHITE, np.float32)
    return _parted(f"{like}/{number:02}", merged(white, premultiplied(box)))


def _backdrop_colour(rng: np.random.Generator) -> Floats:
    """White, near white, or any colour, a third each; float32 (3,)."""
    kind = rng.integers(3)
    if kind == 0:
        return np.full(3, 255, np.float32)
    if kind == 1:
        return np.asarray(rng.integers(236, 253) + rng.integers(-2, 3, 3), np.float32)
    return np.asarray(rng.integers(0, 256, 3), np.float32)


def _lit(rng: np.random.Generator, scene: Floats, alpha: Floats) -> Floats:
    """Light that falls off across the scene, and the product's soft shadow on it; float32 (H, W, 3)."""
    height, width = alpha.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.array([[[height]], [[width]]], np.float32)
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.35)
    light = 1.0 - np.float32(fall) * np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
    shift = np.array([[1, 0, rng.normal(0, 0.02) * width], [0, 1, rng.uniform(0.005, 0.04) * height]], np.float32)
    shade = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, (width, height)), (0, 0), rng.uniform(0.008, 0.03) * width)
    lit = scene * (light * (1.0 - np.float32(rng.uniform(0.15, 0.5)) * shade))[..., None]
    return np.asarray(lit, np.float32)


def _covering(image: Bytes, height: int, width: int) -> Floats:
    """`image` enlarged and cropped about its middle to cover (height, width), float32 (H, W, 3)."""
    scale = max(height / image.shape[0], width / image.shape[1])
    rows, columns = max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale))
    large = cv2.resize(np.ascontiguousarray(image), (columns, rows), interpolation=cv2.INTER_CUBIC)
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.asarray(large[top : top + height, left : left + width], np.float32)
