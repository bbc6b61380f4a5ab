"""Bytes of an image file to a `Photograph`: oriented, sRGB, 8 bit; or a rejection that says why."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.adapters.images import damage, header, jpeg, tiff
from pipeline.adapters.images.formats import Format, describe, sniff, unsupported
from pipeline.adapters.images.limits import check_size
from pipeline.core.errors import ImageRejected
from pipeline.core.pixels import Bytes, Photograph
from pipeline.core.records import RejectionReason

_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def decode(data: bytes, *, max_pixels: int) -> Photograph:
    """The picture in `data`, told by its content: JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP.

    Oriented as its EXIF (or container) says, colours taken to sRGB by its ICC profile, 16 bit scaled to 8, alpha kept
    where it is not opaque throughout; of several frames or pages the first. `notes` say what was approximate.
    Raises ImageRejected before decoding for what is empty, no image, of a format we do not read, cut off, larger than
    `max_pixels` or smaller than 8 px a side, and for what the decoder finds damaged. May be called from many threads.
    """
    form = _recognise(data)
    _check_header(data, form, max_pixels)
    if found := damage.find_damage(data, form):
        raise ImageRejected(RejectionReason.TRUNCATED, f"{form.value}: {found}")
    parsed = _parse_jpeg(data) if form is Format.JPEG else None
    if parsed is not None and parsed.components in (1, 3):
        return _ordinary_jpeg(data, parsed)
    return _other(data, form, max_pixels)


def _check_header(data: bytes, form: Format, max_pixels: int) -> None:
    size = header.read_size(data)
    if size is not None:
        check_size(size, max_pixels=max_pixels)
    elif form not in (Format.AVIF, Format.HEIC):  # sequences may say it elsewhere: judged when opened
        raise ImageRejected(RejectionReason.TRUNCATED, f"the header of this {form.value} cannot be read")


def orient(pixels: Bytes, orientation: int) -> Bytes:
    """`pixels` (H×W or H×W×3) upright: EXIF's orientation 1…8 undone."""
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


def _recognise(data: bytes) -> Format:
    if not data:
        raise ImageRejected(RejectionReason.EMPTY, "it has 0 bytes")
    form = sniff(data)
    if form is None and (name := unsupported(data)):
        raise ImageRejected(RejectionReason.UNSUPPORTED, name)
    if form is None:
        raise ImageRejected(RejectionReason.NOT_AN_IMAGE, describe(data))
    if form is Format.TIFF and _is_raw(data):
        raise ImageRejected(RejectionReason.UNSUPPORTED, "camera raw (only a preview could be read)")
    return form


def _is_raw(data: bytes) -> bool:
    """Whether a TIFF begins with a preview, as DNG, NEF and the like do: it would be cut out at a thumbnail's size."""
    tags = tiff.first_directory(data)
    return tiff.DNG_VERSION in tags or bool(tags.get(tiff.SUBFILE, 0) & 1)


def _parse_jpeg(data: bytes) -> jpeg.JpegHeader:
    parsed = jpeg.parse(data)
    if parsed is None:
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: it ends within its header")
    if parsed.unusual:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"JPEG of a rare kind ({parsed.precision} bit or lossless)")
    if not jpeg.is_complete(data, parsed):
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: it ends before its end marker")
    return parsed


def _ordinary_jpeg(data: bytes, parsed: jpeg.JpegHeader) -> Photograph:
    """Grey or YCbCr through OpenCV: the path of nearly every photograph, so nothing here is done without need."""
    rgb = _imdecode(data)
    if _ends_grey(rgb) and not parsed.progressive and _ran_dry(data, parsed, rgb):
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: its pixels end before its end marker")
    notes: tuple[str, ...] = ()
    if parsed.profile:
        from pipeline.adapters.images.colour import pixels_to_srgb

        rgb, notes = pixels_to_srgb(rgb, parsed.profile, grey=parsed.components == 1)
    return Photograph(rgb=orient(rgb, tiff.orientation(parsed.exif)), notes=notes)


def _imdecode(data: bytes) -> Bytes:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED)
    except cv2.error as error:
        raise ImageRejected(RejectionReason.TRUNCATED, f"JPEG: {error.err or error}") from error
    if pixels is None:
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: the decoder could not read it")
    return np.asarray(pixels, np.uint8)


def _ends_grey(rgb: Bytes) -> bool:
    """Whether the last pixel has the colour with which the decoder fills what is missing."""
    return bool((rgb[-1, -1] == 128).all())


def _ran_dry(data: bytes, parsed: jpeg.JpegHeader, rgb: Bytes) -> bool:
    """Decodes once more, which only pictures with exactly that grey in the corner pay for."""
    return not np.array_equal(_imdecode(jpeg.continued(data, parsed)), rgb)


def _other(data: bytes, form: Format, max_pixels: int) -> Photograph:
    from pipeline.adapters.images import pillow

    raster = pillow.read(data, form, max_pixels=max_pixels)
    alpha = None if raster.alpha is None else orient(raster.alpha, raster.orientation)
    return Photograph(rgb=orient(raster.rgb, raster.orientation), alpha=alpha, notes=raster.notes)
