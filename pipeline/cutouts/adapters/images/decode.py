"""Decodes the bytes of an image file to a `Photograph` (upright, sRGB, 8 bit), or rejects them with a reason."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np

from cutouts.adapters.images import gif, header, isobmff, jpeg
from cutouts.adapters.images.formats import Format, describe, sniff, unsupported
from cutouts.adapters.images.limits import check_bytes, check_size
from cutouts.adapters.images.raster import SRGB, Colours, Raster, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import VISIBLE, Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason

T = TypeVar("T")

_BAD_DATA = (
    OSError,  # Pillow: broken or cut off
    SyntaxError,  # Pillow: an invalid header
    ValueError,
    EOFError,  # no first frame, libheif
    IndexError,
    KeyError,  # a pixel layout without a name
    TypeError,  # tags of the wrong type
    OverflowError,
    ZeroDivisionError,
    RuntimeError,  # libheif and libwebp; NotImplementedError too
    struct.error,
    zlib.error,
    cv2.error,
)
"""The errors that decoders and our own header parsers raise for bad data, found by testing with damaged files."""
_ZEROS = 256
_DENSE = frozenset({Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.HEIC})
"""Complete files of these formats do not end in `_ZEROS` zero bytes."""
_UNSUPPORTED = re.compile(r"unsupported|not supported|cannot handle|unknown|not available|not implemented", re.I)
_NO_MEMORY = re.compile(r"insufficient memory|out of memory|memory allocation|cannot allocate", re.I)
_ENDED = re.compile(r"truncated|premature|end of (file|data)|not enough data", re.I)


def decode(data: bytes, *, max_pixels: int) -> Photograph:
    """The picture in `data`, whose format is recognised by its content: JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP.

    It is oriented according to its EXIF (or container), converted to sRGB and, if it has 16 bit, scaled to 8. Straight
    alpha is kept unless nobody sees that it is transparent. If there are several frames or pages, the first is used.
    `notes` list approximations.
    Raises ImageRejected if `data` is empty, not an image, unsupported, too large (more than `max_pixels`, or too much
    memory to decode), too small, cut off or damaged. The only other error is MemoryError. Thread-safe.
    """
    return _decoded(data, max_pixels, photograph_of)


def decode_native(data: bytes, *, max_pixels: int) -> tuple[Photograph, bytes]:
    """The picture in the colours of its own ICC profile, and the profile; empty if the picture is sRGB.

    Only pictures with 8-bit RGB and a usable profile have colours of their own here. All others are converted to sRGB.
    Raises the errors of `decode`.
    """
    return _decoded(data, max_pixels, _native)


def _decoded(data: bytes, max_pixels: int, use: Callable[[Raster], T]) -> T:
    form = _recognise(data)
    try:
        return use(_raster(data, form, max_pixels))
    except _BAD_DATA as error:
        words = str(error) or type(error).__name__
        if _NO_MEMORY.search(words) and "limit" not in words:  # libheif's own limits do not mean that memory ran out
            raise MemoryError(words) from error
        raise ImageRejected(_reason(words), f"{form.value}: {words}") from error
    except ImageRejected as error:
        if error.reason is RejectionReason.DAMAGED and form in _DENSE and not data[-_ZEROS:].strip(b"\0"):
            # A transfer was interrupted after space for the whole file was reserved.
            words = f"{error.detail}; its end is missing and was filled with zeros"
            raise ImageRejected(RejectionReason.TRUNCATED, words) from error
        raise


def _reason(words: str) -> RejectionReason:
    if _UNSUPPORTED.search(words):
        return RejectionReason.UNSUPPORTED
    return RejectionReason.TRUNCATED if _ENDED.search(words) else RejectionReason.DAMAGED


def _recognise(data: bytes) -> Format:
    if not data:
        raise ImageRejected(RejectionReason.EMPTY, "it has 0 bytes")
    form = sniff(data)
    if form is None and (name := unsupported(data)):
        raise ImageRejected(RejectionReason.UNSUPPORTED, name)
    if form is None:
        raise ImageRejected(RejectionReason.NOT_AN_IMAGE, describe(data))
    return form


def _raster(data: bytes, form: Format, max_pixels: int) -> Raster:
    size = header.read_size(data)
    if size is not None:
        check_size(size, max_pixels=max_pixels)
    elif form not in (Format.AVIF, Format.HEIC):  # sequences may state it elsewhere: checked when opened
        raise _without_size(data, form)
    check_bytes(header.decode_bytes(data), max_pixels=max_pixels)
    return _READERS[form](data, form, max_pixels)


def _without_size(data: bytes, form: Format) -> ImageRejected:
    """The rejection of a file whose header states no valid size."""
    stated = header.stated_size(data)
    if stated is None or not any(stated):
        return ImageRejected(RejectionReason.TRUNCATED, f"the header of this {form.value} cannot be read")
    if form is Format.JPEG and not stated[1]:
        return ImageRejected(RejectionReason.UNSUPPORTED, "JPEG that states its height only after its pixels (DNL)")
    return ImageRejected(RejectionReason.DAMAGED, f"{form.value}: it states a size of {stated[0]}×{stated[1]} px")


def _native(raster: Raster) -> tuple[Photograph, bytes]:
    profile = raster.colours.profile
    if raster.space is not Space.RGB or raster.samples.dtype != np.uint8 or raster.colours.hdr or not profile:
        return photograph_of(raster), b""
    from cutouts.adapters.images.colour import is_usable

    if not is_usable(profile):
        return photograph_of(raster), b""
    return photograph_of(replace(raster, colours=SRGB)), profile


def photograph_of(raster: Raster) -> Photograph:
    """The picture in sRGB, 8 bit and upright. Alpha is left out if nobody sees that it is transparent."""
    rgb, notes = _managed(raster)
    alpha = raster.alpha
    if alpha is not None and (alpha > 255 - VISIBLE).all():
        alpha = None
    return Photograph(
        rgb=_own(orient(rgb, raster.orientation)),
        alpha=None if alpha is None else _own(orient(alpha, raster.orientation)),
        notes=raster.notes + notes,
    )


def _managed(raster: Raster) -> tuple[Bytes, tuple[str, ...]]:
    """The samples as sRGB, and notes. An 8 bit sRGB photograph does not need colour management to be imported."""
    ordinary = raster.space is Space.RGB and raster.samples.dtype == np.uint8
    if ordinary and raster.colours == Colours(notes=raster.colours.notes):
        return np.asarray(raster.samples, np.uint8), raster.colours.notes
    from cutouts.adapters.images.colour import to_srgb

    return to_srgb(raster.samples, raster.space, raster.colours)


def _own(pixels: Bytes) -> Bytes:
    """`pixels` if they are contiguous and writable, otherwise a copy, because a decoder's pixels may be read-only."""
    return np.require(pixels, requirements=["C", "W"])


def orient(pixels: Bytes, orientation: int) -> Bytes:
    """`pixels` (uint8 H×W or H×W×3) turned upright according to EXIF's orientation, 1…8."""
    match orientation:
        case 2:
            turned = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.flip(cv2.transpose(pixels), -1)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return np.asarray(turned, np.uint8)


def _jpeg(data: bytes, _: Format, max_pixels: int) -> Raster:
    parsed = jpeg.parse(data)
    if parsed is None:
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: it ends in its header")
    return jpeg.read(data, parsed, max_pixels=max_pixels)


def _png(data: bytes, _: Format, __: int) -> Raster:
    from cutouts.adapters.images.png import chunks, pixels

    return pixels.read(chunks.parse(data))


def _bmp(data: bytes, _: Format, __: int) -> Raster:
    from cutouts.adapters.images import bmp

    return bmp.read(data, bmp.parse(data))


def _gif(data: bytes, _: Format, max_pixels: int) -> Raster:
    return gif.read(data, max_pixels=max_pixels)


def _tiff(data: bytes, _: Format, __: int) -> Raster:
    from cutouts.adapters.images.tiff import layout, pixels

    return pixels.read(layout.parse(data))


def _webp(data: bytes, _: Format, __: int) -> Raster:
    from cutouts.adapters.images import webp

    return webp.read(data)


def _isobmff(data: bytes, form: Format, max_pixels: int) -> Raster:
    from cutouts.adapters.images.isobmff import pixels

    return pixels.read(isobmff.parse(data), form, max_pixels=max_pixels)


_READERS: dict[Format, Callable[[bytes, Format, int], Raster]] = {
    Format.JPEG: _jpeg,
    Format.PNG: _png,
    Format.BMP: _bmp,
    Format.GIF: _gif,
    Format.TIFF: _tiff,
    Format.WEBP: _webp,
    Format.AVIF: _isobmff,
    Format.HEIC: _isobmff,
}
"""Most readers are imported when the first picture of their format arrives, because nearly all pictures are JPEGs."""
