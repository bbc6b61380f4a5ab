"""Decodes the pixels of a JPEG with libjpeg-turbo and checks its warnings, because it only warns about damage.

It detects invalid codes, data that end too early or are left over, and restart markers out of order. Nothing can detect
a changed bit that makes another valid code of the same length, because a JPEG has no checksums.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg

from cutouts.adapters.images import exif
from cutouts.adapters.images.jpeg import scans
from cutouts.adapters.images.jpeg.markers import END_OF_IMAGE, JpegHeader, entropy_end, parse, tidied
from cutouts.adapters.images.raster import Colours, Raster, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_SPACES = {1: Space.GREY, 3: Space.RGB, 4: Space.CMYK}
_NAMES = {Space.GREY: "GRAY", Space.RGB: "RGB", Space.CMYK: "CMYK"}
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_FEW = 2
"""Some programs leave up to this many bytes after the last pixel; a damaged picture usually leaves more."""
_ENDED = re.compile(r"premature end", re.I)
_UNSUPPORTED = re.compile(r"unsupported|not supported|not implemented", re.I)
_NO_MEMORY = re.compile(r"memory|allocat", re.I)


def read(data: bytes, header: JpegHeader, *, max_pixels: int) -> Raster:
    """The picture of `data`. Raises ImageRejected if it is unsupported or damaged, or takes too long to decode."""
    if header.problem:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"JPEG {header.problem}")
    scans.check(data, header, max_pixels=max_pixels)
    colours = Colours(profile=header.profile) if header.profile else exif.colours(header.exif)
    space = _SPACES[len(header.components)]
    if space is Space.GREY and not header.profile:
        space = Space.RGB
    pixels, notes = _samples(data, header, _NAMES[space])
    if space is Space.CMYK and header.adobe:
        pixels = np.invert(pixels)  # only Adobe programs store it inverted (libjpeg.txt)
    return Raster(samples=pixels, space=space, colours=colours, orientation=exif.orientation(header.exif), notes=notes)


def _samples(data: bytes, header: JpegHeader, colours: str) -> tuple[Bytes, tuple[str, ...]]:
    try:
        return _pixels(data, colours, strict=True), ()
    except ValueError as error:
        words = str(error)
    if (tidy := tidied(data, header, profile="ICC" not in words)) != data and (parsed := parse(tidy)):
        pixels, notes = _samples(tidy, parsed, colours)
        return pixels, (*notes, "its header was written by an unusual program, or is damaged: its colours may be off")
    notes = _judged(words, data, header)
    return _pixels(data, colours, strict=False), notes


def _pixels(data: bytes, colours: str, *, strict: bool) -> Bytes:
    pixels = simplejpeg.decode_jpeg(data, colours, strict=strict)
    return np.asarray(pixels[..., 0] if colours == "GRAY" else pixels, np.uint8)


def _judged(words: str, data: bytes, header: JpegHeader) -> tuple[str, ...]:
    """Notes for a harmless warning. Raises ImageRejected for any other, or MemoryError if memory ran out."""
    if found := _LEFT_OVER.search(words):
        count, marker = int(found[1]), int(found[2], 16)
        if marker == END_OF_IMAGE and not header.progressive and _harmless(data, count, header):
            return ("there are extra bytes after its last pixel: ignored",) if count > 1 else ()
        raise ImageRejected(RejectionReason.DAMAGED, f"JPEG: {count} extra bytes among its pixels")
    if _NO_MEMORY.search(words):
        raise MemoryError(words)
    if _ENDED.search(words):
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: its pixels end too early")
    reason = (
        RejectionReason.UNSUPPORTED if _UNSUPPORTED.search(words) and "marker" not in words else RejectionReason.DAMAGED
    )
    raise ImageRejected(reason, f"JPEG: {words}")


def _harmless(data: bytes, count: int, header: JpegHeader) -> bool:
    """Whether the extra bytes before the end marker are few, or only padding."""
    start = header.scan + 2 + int.from_bytes(data[header.scan + 2 : header.scan + 4], "big")
    end = entropy_end(data, start)
    return count <= _FEW or not data[max(start, end - count) : end].strip(data[end - 1 : end])


def read_part(data: bytes, *, largest: int) -> Bytes:
    """The stored samples, uint8, of a JPEG that is a part of another file: H×W, H×W×3 or H×W×4.

    Raises ImageRejected if it is unsupported or damaged, or has more than `largest` pixels.
    """
    header = parse(data)
    if header is None:
        raise ImageRejected(RejectionReason.DAMAGED, "JPEG: it ends in its header")
    if header.problem:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"JPEG {header.problem}")
    if header.width * header.height > largest:
        raise ImageRejected(RejectionReason.DAMAGED, "JPEG: it is larger than its part of the picture")
    scans.check(data, header, max_pixels=largest)
    return _samples(data, header, _NAMES[_SPACES[len(header.components)]])[0]
