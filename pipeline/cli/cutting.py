"""What `cutouts cut` does with one image: the pipeline's own stages, written to a PNG that says what it was made of."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from pipeline.adapters.images import encode_png
from pipeline.adapters.model import open_network
from pipeline.adapters.storage.sources import read_image
from pipeline.adapters.storage.store import write_file
from pipeline.core.cutout import cutout
from pipeline.core.matte import matte_from_saliency
from pipeline.core.pixels import Bytes
from pipeline.core.records import ImageRecord
from pipeline.stages import Job, infer, prepare
from pipeline.stages.border import one_image

_KEYWORD = b"cutouts"
"""Keyword of the PNG's text chunk that says what the file was made of."""
_AFTER_HEADER = 33
"""Bytes of a PNG's signature and header chunk, which our note follows."""


class Fate(StrEnum):
    """What became of one image."""

    CUT = "cut"
    EMPTY = "empty"
    KEPT = "up to date"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One image, where its PNG goes, and whether that is the matte instead of the cutout."""

    source: Path
    target: Path
    mask: bool


def cut_one(job: Job, request: Request) -> Fate:
    """Cut one image to `request.target`, unless what lies there was made of the same. Raises ImageRejected."""
    record = _record(request.source)
    note = _note(read_image(record.uri, job.reading), job, request)
    if _note_of(request.target) == note:
        return Fate.KEPT
    prepared = prepare(record, job)
    (saliency,) = infer(open_network(job.choice), [prepared], job.recipe)
    with one_image():
        matte = matte_from_saliency(saliency, prepared.photograph)
        pixels = matte if request.mask else cutout(prepared.photograph, matte)
        png = encode_png(np.ascontiguousarray(pixels[_box(matte)]) if job.recipe.crop else pixels)
    write_file(request.target, _with_note(png, note))
    return Fate.CUT if matte.any() else Fate.EMPTY


def _record(source: Path) -> ImageRecord:
    return ImageRecord(image_id=source.name, product_id=source.stem, delivery_id=source.parent.name, uri=str(source))


def _note(data: bytes, job: Job, request: Request) -> bytes:
    """What the PNG is made of: the file's sha256, the recipe and what was asked for."""
    kind = "mask" if request.mask else "cutout"
    digests = job.recipe.digests
    return f"{hashlib.sha256(data).hexdigest()} {digests.matte_digest} {digests.render_digest} {kind}".encode()


def _with_note(png: bytes, note: bytes) -> bytes:
    """The PNG with a tEXt chunk behind its header (PNG 3rd edition, section 11.3.3.2)."""
    body = b"tEXt" + _KEYWORD + b"\0" + note
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_AFTER_HEADER] + chunk + png[_AFTER_HEADER:]


def _note_of(target: Path) -> bytes | None:
    """The note of a PNG that we wrote; None where there is none."""
    if not target.is_file():
        return None
    with target.open("rb") as stream:
        head = stream.read(_AFTER_HEADER + 512)[_AFTER_HEADER:]
    if head[4:8] != b"tEXt" or not head[8:].startswith(_KEYWORD + b"\0"):
        return None
    return head[8 + len(_KEYWORD) + 1 : 8 + struct.unpack(">I", head[:4])[0]]


def _box(alpha: Bytes) -> tuple[slice, slice]:
    """Rows and columns that hold anything; all of them where nothing does."""
    if not alpha.any():
        return slice(None), slice(None)
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
