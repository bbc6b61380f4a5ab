"""What `cutouts cut` does with one image: the pipeline's own stages, written to a PNG that says what it was made of."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from cutouts.adapters.images import encode_png
from cutouts.adapters.model import open_network
from cutouts.adapters.storage.ownership import mark
from cutouts.adapters.storage.sources import read_image
from cutouts.adapters.storage.store import write_file
from cutouts.cli.exit_status import advice
from cutouts.core.cutout import cutout
from cutouts.core.errors import CutoutsError, StorageError
from cutouts.core.matte import matte_from_saliency
from cutouts.core.pixels import Bytes
from cutouts.core.png_mark import marked
from cutouts.core.records import ImageRecord
from cutouts.stages import Job, infer, prepare
from cutouts.stages.image_errors import one_image

_OF_ONE_FILE = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EILSEQ})
"""What the system says when it does not take one name; anything else would meet every image."""


class Fate(StrEnum):
    """What became of one image."""

    CUT = "cut"
    EMPTY = "empty"
    KEPT = "up to date"
    REJECTED = "rejected"
    NOT_WRITTEN = "not written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One image, where its PNG goes, and whether that is the matte instead of the cutout."""

    source: Path
    target: Path
    mask: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one image, and what a person should know about how it was read."""

    fate: Fate
    notes: str = ""


class NotWritten(CutoutsError):
    """The output of one image cannot be written, which says nothing of the others."""


def cut_one(job: Job, request: Request) -> Done:
    """Cut one image to `request.target`, unless what lies there was made of the same.

    Raises ImageRejected or NotWritten for what is about this image, StorageError if nothing can be written any more.
    """
    record = _record(request.source)
    note = _note(read_image(record.uri, job.reading), job, request)
    made_of, _, known = (mark(request.target) or "").partition("\n")
    if made_of == note:
        return Done(fate=Fate.KEPT, notes=known)
    prepared = prepare(record, job)
    (saliency,) = infer(open_network(job.choice), [prepared], job.recipe)
    with one_image():
        matte = matte_from_saliency(saliency, prepared.photograph)
        pixels = matte if request.mask else cutout(prepared.photograph, matte)
        png = encode_png(np.ascontiguousarray(pixels[_box(matte)]) if job.recipe.crop else pixels)
    notes = "; ".join(prepared.photograph.notes)
    _write(request.target, marked(png, f"{note}\n{notes}" if notes else note))
    return Done(fate=Fate.CUT if matte.any() else Fate.EMPTY, notes=notes)


def _write(target: Path, data: bytes) -> None:
    try:
        write_file(target, data)
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _OF_ONE_FILE:
            raise NotWritten(f"{target}: {words}") from error
        raise StorageError(f"{target} cannot be written: {words}; {advice(error)}") from error


def _record(source: Path) -> ImageRecord:
    return ImageRecord(image_id=source.name, product_id=source.stem, delivery_id=source.parent.name, uri=str(source))


def _note(data: bytes, job: Job, request: Request) -> str:
    """What the PNG is made of: the file's sha256, the recipe and what was asked for."""
    kind = "mask" if request.mask else "cutout"
    digests = job.recipe.digests
    return f"{hashlib.sha256(data).hexdigest()} {digests.matte_digest} {digests.render_digest} {kind}"


def _box(alpha: Bytes) -> tuple[slice, slice]:
    """Rows and columns that hold anything; all of them where nothing does."""
    if not alpha.any():
        return slice(None), slice(None)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
