"""Renders single files: a photograph, which is cut first, or a cutout."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cutouts.adapters.images import read_size
from cutouts.adapters.storage.ownership import mark, require_free
from cutouts.api.cutout import origin, write_whole
from cutouts.api.cutter import FileResult, Made, site_with
from cutouts.api.inputs import of_file, only, read_file
from cutouts.api.matting import matted
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.specks import without_dust
from cutouts.core.pixels import VISIBLE, Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.drawing import Subject
from cutouts.core.renditions.placing import product_box
from cutouts.core.renditions.rendition import Rendition
from cutouts.stages import job_of
from cutouts.stages.image_errors import one_image
from cutouts.stages.records import SourceFile
from cutouts.stages.rendering import Original, mark_text, rendered, rendering_memory

_FILLED = 0.995
"""If the visible pixels of a cutout fill this share of their bounding box, they are a rectangle."""
_RECTANGLE = (
    "it has transparent pixels, so it was not cut out, and what is visible is a rectangle: "
    "if that is a photograph, save it without transparency"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stale:
    """The renditions of one file that have to be made, and the notes of those that are up to date."""

    renditions: tuple[Rendition, ...]
    notes: tuple[str, ...]


class Renderer:
    """Renders files with one set of renditions, from any number of threads.

    `model`, `provider`, `site`, `inside` and `threads` are as for `Cutter`. Raises its errors.
    """

    def __init__(
        self,
        renditions: Sequence[Rendition],
        *,
        model: str | None = None,
        provider: str | None = None,
        site: Site | None = None,
        inside: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self._threads = threads
        self._renditions = tuple(renditions)
        self._anywhere = inside is None
        sources = [] if inside is None else [str(Path(inside).resolve())]
        self._job = job_of(site_with(site, model=model, provider=provider), sources=sources)

    def render_file(self, source: str | os.PathLike[str], targets: Mapping[str, Path]) -> FileResult:
        """Render the file `source`: `targets` has the path of each rendition by its name.

        An image with transparent pixels is a cutout already, of this program or of another; every other one is cut. A
        target that was made of the same bytes in the same way is left alone. Raises ImageRejected, after the renditions
        that can be made are written, OutputError if a target is not ours, and StorageError if it cannot be written.
        """
        picture = Path(source)
        _require_source(picture)
        require_free(targets.values(), [picture])
        file = read_file(picture, only(picture, self._job.reading) if self._anywhere else self._job.reading)
        made_of = origin(file.sha256, self._job.recipe.digests)
        stale = self._stale(made_of, targets)
        if not stale.renditions:
            return FileResult(made=Made.UP_TO_DATE, notes=stale.notes)
        return self._rendered(file, made_of, stale, targets)

    def _stale(self, made_of: str, targets: Mapping[str, Path]) -> _Stale:
        renditions, notes = list[Rendition](), dict[str, None]()
        for rendition in self._renditions:
            before, _, said = (mark(targets[rendition.name]) or "").partition("\n")
            if before != mark_text(made_of, rendition):
                renditions.append(rendition)
            elif said:
                notes |= dict.fromkeys(said.split("; "))
        return _Stale(renditions=tuple(renditions), notes=tuple(notes))

    def _rendered(self, file: SourceFile, made_of: str, stale: _Stale, targets: Mapping[str, Path]) -> FileResult:
        most = self._job.max_pixels

        def make(photograph: Photograph, matte: Bytes) -> tuple[str, ...]:
            subject = subject_of(photograph, matte)
            told = notes_of(photograph, matte)
            original = Original(subject=subject, data=file.data, made_of=made_of, max_pixels=most, notes=told)
            notes, failed = list(told), list[ImageRejected]()
            for rendition in stale.renditions:
                try:
                    with one_image():
                        (one,) = rendered(original, [rendition])
                except ImageRejected as error:
                    failed.append(error)
                else:
                    write_whole(targets[rendition.name], one.data)
                    notes += [f"{rendition.name}: {note}" for note in one.notes]
            _require_all(failed)
            return tuple(notes)

        given = of_file(file, self._job)
        width, height = read_size(file.data) or (0, 0)
        more = rendering_memory(min(width * height, most), stale.renditions, most)
        given = replace(given, needed=given.needed + more)
        notes = matted(given, self._job, make, threads=self._threads, alpha_is_matte=True)
        return FileResult(made=Made.RENDERED, notes=tuple(dict.fromkeys([*notes, *stale.notes])))


def _require_all(failed: Sequence[ImageRejected]) -> None:
    """Raise the error of the renditions that could not be made. It says the same thing only once."""
    words = dict.fromkeys(one.detail for one in failed)
    if len(words) > 1:
        raise ImageRejected(failed[0].reason, "; ".join(words)) from failed[0]
    if failed:
        raise failed[0]


def subject_of(photograph: Photograph, matte: Bytes) -> Subject:
    """A cutout without its dust, if the photograph's alpha is the matte; otherwise the product cut out of the
    photograph."""
    if matte is photograph.alpha:
        return Subject(rgba=np.dstack([photograph.rgb, without_dust(matte)]))
    return Subject.of(photograph, matte)


def notes_of(photograph: Photograph, matte: Bytes) -> tuple[str, ...]:
    """What a person should know about how an image was read, and that it may not be the cutout that it was taken
    for."""
    box = product_box(matte) if matte is photograph.alpha else None
    if box is None or (matte[box.area] >= VISIBLE).mean() < _FILLED:
        return photograph.notes
    return (*photograph.notes, _RECTANGLE)


def _require_source(picture: Path) -> None:
    """Raise ImageRejected if the file is a matte or a rendition of ours."""
    kind = (mark(picture) or "").partition("\n")[0].rpartition(" ")[2]
    if kind in ("mask", "rendition"):
        detail = f"it is a {'matte' if kind == 'mask' else kind} made by cutouts: name the cutout or the photograph"
        raise ImageRejected(RejectionReason.UNSUPPORTED, detail)
