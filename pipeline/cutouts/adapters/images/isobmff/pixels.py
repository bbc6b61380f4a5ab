"""Decodes the picture of an AVIF or HEIC file, checks that it is complete, and reads its stated colours."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile

from cutouts.adapters.images import exif
from cutouts.adapters.images.colour import colours_of_code_points
from cutouts.adapters.images.formats import Format
from cutouts.adapters.images.isobmff import av1_damage, coded_sizes, hevc_damage
from cutouts.adapters.images.isobmff.boxes import boxes
from cutouts.adapters.images.isobmff.items import Container
from cutouts.adapters.images.limits import check_size
from cutouts.adapters.images.raster import Colours, Raster, Samples, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_ZEROS = 256
_NEEDED = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof"})
"""If one of these boxes ends beyond the data, the file is cut off. Any other such box is appended data."""


def read(container: Container, form: Format, *, max_pixels: int) -> Raster:
    """The main picture of `container`. Raises ImageRejected if it is too large, too small, cut off or damaged."""
    data = _without_appended(container.data, form)
    container = replace(container, data=data)
    coded_sizes.check(container, max_pixels=max_pixels)
    with _open(data, form) as image:
        check_size(image.size, max_pixels=max_pixels)
        notes = _frames(image, form)
        notes += hevc_damage.damage(container) if form is Format.HEIC else av1_damage.damage(data)
        image.load()
        samples, alpha, premultiplied = _planes(image)
        profile = image.info.get("icc_profile") or b""
        # libheif rotates a HEIC while loading it; Pillow reports an AVIF's rotation as EXIF
        orientation = 1 if form is Format.HEIC else exif.orientation(image.info.get("exif") or b"")
    if alpha is not None and premultiplied:
        samples = _straight(samples, alpha)
    if form is Format.AVIF:  # libheif crops, libavif does not
        samples, alpha = _cropped(samples, container), None if alpha is None else _cropped(alpha, container)
    points = None if profile else container.code_points()
    return Raster(
        samples=samples,
        space=Space.GREY if samples.ndim == 2 else Space.RGB,
        alpha=alpha,
        colours=colours_of_code_points(*points) if points else Colours(profile=profile),
        orientation=orientation,
        notes=notes,
    )


def _without_appended(data: bytes, form: Format) -> bytes:
    """The file without data that were appended to it, because decoders would read them as boxes.

    Raises ImageRejected if the file is cut off or its container is broken.
    """
    last, end = b"", 0
    for name, _, stop in boxes(data):
        if (name == b"ftyp" and end) or (stop > len(data) and name not in _NEEDED):
            break
        last, end = name, stop
    if not end:
        raise ImageRejected(RejectionReason.DAMAGED, f"{form.value}: its container is broken")
    if len(data) < end:
        raise ImageRejected(RejectionReason.TRUNCATED, f"{form.value}: it ends after {len(data)} of {end} bytes")
    if last == b"mdat" and not data[end - _ZEROS : end].strip(b"\0"):  # an interrupted transfer into reserved space
        raise ImageRejected(RejectionReason.TRUNCATED, f"{form.value}: its end is missing and was filled with zeros")
    return data[:end]


def _open(data: bytes, form: Format) -> ImageFile.ImageFile:
    """The plugin's image with its header read and nothing decoded yet."""
    if form is Format.HEIC:
        from pillow_heif.as_plugin import HeifImageFile  # takes 70 ms, which other formats do not need

        heic: ImageFile.ImageFile = HeifImageFile(BytesIO(data))
        return heic
    return AvifImageFile(BytesIO(data))


def _frames(image: ImageFile.ImageFile, form: Format) -> tuple[str, ...]:
    count = int(getattr(image, "n_frames", 1))
    if count < 2:
        return ()
    if form is Format.HEIC:
        return (f"it holds {count} pictures: only the main one is used",)
    return (f"it is animated ({count} frames): only the first is used",)


def _planes(image: Image.Image) -> tuple[Samples, Bytes | None, bool]:
    """Samples, alpha (or None), and whether the samples are premultiplied by it."""
    premultiplied = image.mode in ("RGBa", "La")
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), None, False
    if image.mode == "L":
        return np.asarray(image), None, False
    pixels = np.asarray(image if image.mode in ("RGB", "RGBA", "RGBa") else image.convert("RGBA"))
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return np.ascontiguousarray(pixels[..., :3]), alpha, premultiplied


def _cropped(samples: Samples, container: Container) -> Samples:
    crop = container.crop()
    if crop is None:
        return samples
    left, top, width, height = crop
    if left < 0 or top < 0 or left + width > samples.shape[1] or top + height > samples.shape[0]:
        raise ImageRejected(RejectionReason.DAMAGED, "AVIF: its crop is outside of the picture")
    return np.ascontiguousarray(samples[top : top + height, left : left + width])


def _straight(samples: Samples, alpha: Bytes) -> Samples:
    share = np.maximum(alpha, 1).astype(np.uint16)[..., None]
    straight = np.minimum((samples.astype(np.uint16) * 255 + share // 2) // share, 255)
    return np.where(alpha[..., None] == 0, 0, straight).astype(np.uint8)
