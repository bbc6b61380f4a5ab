"""The kinds of images that can be cut: a path, the bytes of a file, an array, or a Pillow image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cutouts.adapters.images import is_pillow, of_array, of_pillow
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Photograph
from cutouts.core.product_box import ProductBox, content_of
from cutouts.core.records import ImageRecord
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Prefix, Reading, url_of
from cutouts.stages import Job, Prepared
from cutouts.stages.image import decoded, finishing_memory, fitted, needed_memory, read, require_box
from cutouts.stages.image_errors import one_image
from cutouts.stages.records import SourceFile

if TYPE_CHECKING:
    from cutouts.adapters.images.in_memory import PillowImage

    Image: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[Any] | PillowImage
    """Every type that can be cut."""

_IN_MEMORY = ImageRecord(image_id="", product_id="", delivery_id="", uri="")
"""The record of an image that does not come from a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An image that is not decoded yet: the bytes of memory that it needs, and the call that decodes it.

    `sha256` is the digest of its file, or "" if there is no file.
    """

    needed: int
    decode: Callable[[], Prepared]
    sha256: str = ""


def opened(image: Image, job: Job, reading: Reading, box: ProductBox | None = None) -> Input:
    """The image, not decoded yet; the product is in its `box`, if there is one. A file is read once, if `reading`
    allows it.

    Raises ImageRejected if the file cannot be read, and TypeError for an object of any other type.
    """
    if isinstance(image, str | os.PathLike):
        return of_file(read_file(Path(image), reading, box), job)
    record = _IN_MEMORY.boxed(box)
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
        content = content_of(hashlib.sha256(data).hexdigest(), box)
        return of_file(SourceFile(record=record, data=data, sha256=content), job)
    if isinstance(image, np.ndarray):
        pixels = image.shape[0] * image.shape[1] if image.ndim > 1 else 0
        return _of_pixels(pixels, lambda most: of_array(image, max_pixels=most), job, record)
    if is_pillow(image):
        return _of_pixels(image.width * image.height, lambda most: of_pillow(image, max_pixels=most), job, record)
    hint = "; pass the bytes that its read() returns" if hasattr(image, "read") else ""
    raise TypeError(f"expected a path, bytes, a NumPy array or a Pillow image, not {type(image).__name__}{hint}")


def read_file(path: Path, reading: Reading, box: ProductBox | None = None) -> SourceFile:
    """The file at a path. Raises ImageRejected, also for a URL: none is fetched."""
    if (url := url_of(path)) is not None and not path.exists():
        raise ImageRejected(RejectionReason.MISSING, f"{url} is a URL, and none is fetched: pass a path or bytes")
    record = ImageRecord(image_id=path.name, product_id=path.stem, delivery_id=path.parent.name, uri=str(path))
    return read(record.boxed(box), reading)


def only(path: str | os.PathLike[str], reading: Reading) -> Reading:
    """Allow only the one file that the user named, wherever its links lead."""
    here = Prefix(scheme="file", authority="", path=os.path.realpath(path))
    return replace(reading, allowed=(here,))


def of_file(file: SourceFile, job: Job) -> Input:
    """The image in a file. Raises ImageRejected if its header cannot be read."""
    needed = needed_memory(file.data, max_pixels=job.max_pixels)
    return Input(needed=needed, decode=lambda: decoded(file, job), sha256=file.sha256)


def _of_pixels(pixels: int, photograph: Callable[[int], Photograph], job: Job, record: ImageRecord) -> Input:
    def decode() -> Prepared:
        with one_image():
            seen = photograph(job.max_pixels)
            require_box(record.box, seen)
            return fitted(record, seen, job)

    return Input(needed=finishing_memory(min(pixels, job.max_pixels)), decode=decode)
