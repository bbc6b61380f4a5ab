"""Decodes the training images once into flat uint8 files that every later epoch maps into memory.

Decoding WebP would cost a third of a training step, so each Parquet file is decoded only once. A dataset is one file of
pixels with four interleaved channels (RGB and alpha, so that one resize handles both), and one index of offsets and
sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cutouts.adapters.storage.ownership import claim
from cutouts.core.errors import ConfigError
from cutouts.core.pixels import Bytes, Mask
from cutouts.training.data import folds
from cutouts.training.data.examples import (
    Example,
    clearing_examples,
    masked_examples,
    model_examples,
    product_examples,
    render_examples,
    scene_examples,
)
from cutouts.training.data.folds import Fold, Label

VALIDATION_SHARD = "duts/duts-tr-07.parquet"
TRAINING_SHARDS = tuple(f"duts/duts-tr-{index:02d}.parquet" for index in range(7))
FASHION = "fashion/ccp-fashion.parquet"
PRODUCTS = "products/products-train.parquet"
SCENES = "backgrounds/backgrounds-train.parquet"
RENDERS = "renders/train-*.parquet"
MODELS = "models3d/models.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Many uint8 (H, W, 4) images in the memory map of `file`; `sides[i]` are top, bottom, left, right."""

    file: Path
    pixels: Bytes
    offsets: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    sides: Mask
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[object, ...]]:
        """Pickle without pixels: the other process maps the same file."""
        return _mapped, (self.file, self.offsets, self.sizes, self.sides, self.names)

    def only(self, indices: Sequence[int]) -> Dataset:
        """The images at `indices`, in the same file."""
        chosen = np.array(indices, np.int64)
        return replace(
            self,
            offsets=self.offsets[chosen],
            sizes=self.sizes[chosen],
            sides=self.sides[chosen],
            names=tuple(self.names[index] for index in indices),
        )

    def __getitem__(self, index: int) -> Bytes:
        """The image at `index`, uint8 (H, W, 4), a read-only view."""
        height, width = self.sizes[index]
        start = self.offsets[index]
        return self.pixels[start : start + height * width * 4].reshape(height, width, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasets:
    """All data that the sampler draws from.

    `natural`: photographs with their mask as alpha. `products`: cutouts with colours premultiplied by alpha (so that
    they can be resized), cropped to the visible part. `scenes`: backgrounds, alpha 0. `clearings`: areas beside the
    subjects of photographs, alpha 0. `rendered`: 3D models on their own ground, with the matte as alpha; `models`:
    those of them without glass, in the form of `products`; both None without renders. `garments` and `shapes`: whether
    these are drawn.
    """

    natural: Dataset
    products: Dataset
    scenes: Dataset
    clearings: Dataset
    rendered: Dataset | None = None
    models: Dataset | None = None
    garments: bool = True
    shapes: bool = True


def open_datasets(data: Path, cache: Path, *, licensed: bool = False, left_out: Sequence[Fold] = ()) -> Datasets:
    """The datasets of the training data in `data`, decoded into `cache` unless they are there already.

    `licensed` leaves out DUTS-TR, whose authors state no licence; the only other photographs are street fashion. The
    datasets contain nothing from the `left_out` folds; photographs of DUTS-TR have no label, so no fold contains them.
    Raises ConfigError if a fold is empty, or if no photograph or no product is left.
    """
    products, renders = data / PRODUCTS, sorted(data.glob(RENDERS))
    labels = _labels(products, renders, data / MODELS) if left_out else {}
    folds.check_known(left_out, labels.values(), drawn=True)
    natural, kind = _photographs(data, licensed=licensed, fashion=not folds.held(left_out, folds.FASHION))
    drawn = cache / f"renders-{_state(renders)}"

    def kept(stem: Path, examples: Callable[[], Iterable[Example]]) -> Dataset | None:
        return _without(left_out, labels, dataset(stem, examples))

    shown = kept(cache / "products", lambda: product_examples(products))
    if shown is None:
        raise ConfigError("no products left to train on", [f"left out: {', '.join(map(str, left_out))}"])
    return Datasets(
        natural=dataset(cache / kind, lambda: masked_examples(natural)),
        products=shown,
        scenes=dataset(cache / "scenes", lambda: scene_examples(data / SCENES)),
        clearings=dataset(cache / f"{kind}-clearings", lambda: clearing_examples(natural)),
        rendered=kept(drawn, lambda: render_examples(renders)) if renders else None,
        models=kept(drawn.with_name(f"{drawn.name}-cutouts"), lambda: model_examples(renders)) if renders else None,
        garments=not folds.held(left_out, folds.DRAWN_GARMENT),
        shapes=not folds.held(left_out, folds.DRAWN_SHAPE),
    )


def _labels(products: Path, renders: Sequence[Path], models: Path) -> dict[str, Label]:
    return {**folds.product_labels(products), **folds.render_labels(renders, models)}


def _photographs(data: Path, *, licensed: bool, fashion: bool) -> tuple[list[Path], str]:
    """The tables of photographs, and the name of their datasets. Raises ConfigError if no table is left."""
    dressed = [data / FASHION] if fashion else []
    if licensed:
        if not dressed:
            raise ConfigError("no photographs left to train on", ["give --licensed or leave garments out, not both"])
        return dressed, "fashion"
    return [*(data / shard for shard in TRAINING_SHARDS), *dressed], "natural" if fashion else "duts"


def _state(files: Sequence[Path]) -> str:
    """A digest (12 hexadecimal characters) of the names and sizes of files, so that another set of renders is decoded
    again."""
    told = "\n".join(f"{file.name} {file.stat().st_size}" for file in files)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _without(left_out: Sequence[Fold], labels: Mapping[str, Label], whole: Dataset) -> Dataset | None:
    """The dataset without the images of these folds; None if no image is left."""
    gone = {name for name, label in labels.items() if folds.held(left_out, label)}
    stay = [index for index, name in enumerate(whole.names) if name not in gone]
    return whole.only(stay) if stay else None


def dataset(stem: Path, examples: Callable[[], Iterable[Example]]) -> Dataset:
    """The dataset at `stem`, made from `examples` if it is missing. Its index is written last, after all pixels."""
    index, pixels = stem.with_suffix(".npz"), stem.with_suffix(".u8")
    if not index.exists():
        claim(stem.parent, (pixels.name, index.name))
        _write(index, pixels, examples())
    with np.load(index) as arrays:
        return _mapped(pixels, arrays["offsets"], arrays["sizes"], arrays["sides"], tuple(arrays["names"].tolist()))


def _mapped(
    file: Path,
    offsets: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    sides: Mask,
    names: tuple[str, ...],
) -> Dataset:
    pixels = np.memmap(file, np.uint8, mode="r")
    return Dataset(file=file, pixels=pixels, offsets=offsets, sizes=sizes, sides=sides, names=names)


def _write(index: Path, pixels: Path, examples: Iterable[Example]) -> None:
    offsets, sizes, sides, names, position = [], [], [], [], 0
    with pixels.open("wb") as out:
        for example in examples:
            out.write(np.ascontiguousarray(example.rgba).data)
            offsets.append(position)
            sizes.append(example.rgba.shape[:2])
            sides.append(example.sides)
            names.append(example.name)
            position += example.rgba.size
    part = index.with_name(index.stem + ".part.npz")
    np.savez(part, offsets=np.array(offsets, np.int64), sizes=np.array(sizes, np.int64), sides=sides, names=names)
    part.replace(index)
