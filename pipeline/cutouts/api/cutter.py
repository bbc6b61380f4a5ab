"""Cuts single images: `cut` for one, a `Cutter` for many."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import mark, require_free
from cutouts.api.cutout import Cutout, origin, require_png, told, write_png
from cutouts.api.inputs import of_file, only, opened, read_file
from cutouts.api.matting import matted
from cutouts.core.arguments import require_type
from cutouts.core.config import MOST_THREADS, Site, parse_site
from cutouts.core.home_folder import below_home
from cutouts.core.matting.cutout import cutout, found_box
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.product_box import ProductBox
from cutouts.core.sources.locations import Reading
from cutouts.core.text.display import shown
from cutouts.stages import job_of

if TYPE_CHECKING:
    from cutouts.api.inputs import Image


class Made(StrEnum):
    """What happened to a file."""

    CUT = "cut"
    EMPTY = "empty"
    UP_TO_DATE = "up to date"
    RENDERED = "rendered"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """The result for a file, and notes on how it was read.

    `EMPTY`: nothing was found in the image, and its PNG is completely transparent.
    """

    made: Made
    notes: tuple[str, ...] = ()


def cut(
    image: Image,
    *,
    model: str | None = None,
    provider: str | None = None,
    crop: bool = False,
    box: tuple[int, int, int, int] | None = None,
) -> Cutout:
    """Remove the background from one image.

    `image` is a path, the bytes of an image file (JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP), a NumPy array (uint8
    or uint16; H×W grey, H×W×3 sRGB, or H×W×4 sRGB with straight alpha) or a Pillow image. `model` is a name in the
    model table, and `provider` is "cpu", "cuda" or "tensorrt"; both default to the site's settings. With `crop`, the
    result is cropped to the product. `box` says which of several things is the product: left, top, right and bottom in
    px of the upright photograph, where right and bottom are the first column and row outside of it. Nothing outside of
    the box is kept.

    Raises ImageRejected if this image cannot be cut (`reason` and `detail` say why), ModelError if the network or the
    provider is not available, ConfigError if settings are wrong, ValueError if `box` is not a box, and TypeError if
    `image` is of any other type.
    """
    return Cutter(model=model, provider=provider, crop=crop).cut(image, box=box)


class Cutter:
    """Cuts many images with the same network, from any number of threads.

    The network is opened with the first image and kept for the life of the process, so there is nothing to close.
    Threads wait for each other if their images together would need more memory than `max_memory` allows.

    `model`, `provider` and `crop` are as for `cut`. `site` has all other settings; by default they are read as the
    commands read them, from `cutouts.toml` and `CUTOUTS_*`. With `inside`, only files in that folder are read, even
    through links; use it for folders that come from others. `threads` is how many threads the network uses for an
    image, on a CPU; by default as many as there are cores (up to 8) while only one image is being cut, and one for each
    if there are several. The results are the same. Raises ConfigError if settings are wrong, ModelError if the site
    does not know or does not allow the model, and ValueError if `threads` is not a whole number from 1 to
    `MOST_THREADS`.
    """

    def __init__(
        self,
        *,
        model: str | None = None,
        provider: str | None = None,
        crop: bool = False,
        site: Site | None = None,
        inside: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self._threads = None if threads is None else _thread_count(threads)
        self._anywhere = inside is None
        sources = [] if inside is None else [str(Path(below_home(inside)).resolve())]
        self._job = job_of(site_with(site, model=model, provider=provider), crop=bool(crop), sources=sources)

    def cut(self, image: Image, *, box: tuple[int, int, int, int] | None = None) -> Cutout:
        """Remove the background from one image. Arguments and errors are those of `cutouts.cut`.

        Also raises StorageError if the machine has run out of something that every image needs.
        """
        source = Path(below_home(image)) if isinstance(image, str | os.PathLike) else None
        given = opened(source or image, self._job, self._reading(source or ""), _product_box(box))

        def made(photograph: Photograph, matte: Bytes) -> Cutout:
            box = found_box(matte) if self._job.recipe.crop else (slice(None), slice(None))
            return Cutout(
                rgba=np.ascontiguousarray(cutout(photograph, matte)[box]),
                matte=np.ascontiguousarray(matte[box]),
                notes=photograph.notes,
                source=source,
                made_of=self._made_of(given.sha256),
            )

        return matted(given, self._job, made, threads=self._threads)

    def cut_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        mask: bool = False,
        box: tuple[int, int, int, int] | None = None,
    ) -> FileResult:
        """Cut the image file `source` into the PNG `target`, or with `mask` write its matte there.

        If `target` was made from the same bytes by the same network and method, it is left alone: the photograph is
        read and hashed, but not decoded. Raises the errors of `Cutter.cut` and `Cutout.save`.
        """
        photograph, png = Path(below_home(source)), Path(below_home(target))
        require_png(png)
        require_free([png], [photograph])
        file = read_file(photograph, self._reading(photograph), _product_box(box))
        made_of = self._made_of(file.sha256)
        before, _, notes = (mark(png) or "").partition("\n")
        if before == told(made_of, mask=mask):
            return FileResult(made=Made.UP_TO_DATE, notes=(notes,) if notes else ())

        def made(seen: Photograph, matte: Bytes) -> FileResult:
            pixels = matte if mask else cutout(seen, matte)
            box = found_box(matte) if self._job.recipe.crop else (slice(None), slice(None))
            write_png(png, np.ascontiguousarray(pixels[box]), told(made_of, mask=mask, notes=seen.notes))
            return FileResult(made=Made.CUT if matte.any() else Made.EMPTY, notes=seen.notes)

        return matted(of_file(file, self._job), self._job, made, threads=self._threads)

    def _reading(self, path: str | os.PathLike[str]) -> Reading:
        return only(path, self._job.reading) if self._anywhere else self._job.reading

    def _made_of(self, sha256: str) -> str:
        return origin(sha256, self._job.recipe.digests)


def _product_box(box: tuple[int, int, int, int] | None) -> ProductBox | None:
    """The box of these sides. Raises ValueError."""
    return None if box is None else ProductBox.of(box)


def _thread_count(threads: int) -> int:
    """The number of threads. Raises ValueError unless it is a whole number from 1 to `MOST_THREADS`."""
    with suppress(TypeError):
        if 1 <= index(threads) <= MOST_THREADS:
            return index(threads)
    raise ValueError(f"threads: expected a whole number from 1 to {MOST_THREADS}, or None, not {shown(repr(threads))}")


def site_with(site: Site | None, **given: object) -> Site:
    """The site with the given settings changed. Raises ConfigError."""
    if site is None:
        return load_site(None, **given)
    require_type("site", site, Site)
    told = {name: value for name, value in given.items() if value is not None}
    return parse_site({**site.model_dump(), **told}, {}) if told else site
