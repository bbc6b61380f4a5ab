"""Encodes one rendition: the highest quality that fits, and the metadata that it may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cutouts.adapters.images.encoding import avif_webp, jpeg, png
from cutouts.adapters.images.encoding.source_type import packet
from cutouts.core.errors import ImageRejected
from cutouts.core.file_mark import marked
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.rendition import LOSSLESS, FileFormat, Rendition

_POOR = 50
"""A quality below this is worth a note."""
_AGAIN = 2
"""This many qualities above the one that was found are tried too, because sizes need not grow with quality."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The bytes of a file, and the quality that it has; 100 if it is lossless."""

    data: bytes
    quality: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What a file says besides its pixels: an ICC profile (empty: sRGB) and an XMP packet (empty: none); and whether
    its white must be exact."""

    profile: bytes
    xmp: bytes
    exact_white: bool


def encode(
    pixels: Bytes,
    rendition: Rendition,
    *,
    profile: bytes = b"",
    source_type: str | None = None,
    text: str = "rendition",
    notes: Sequence[str] = (),
) -> Encoded:
    """The file of a rendition: `pixels` are uint8 H×W×3 or H×W×4 (straight alpha); `text` is its mark, with `notes`.

    `profile` is the ICC profile of the pixels if it is not sRGB. Raises ImageRejected if the file cannot have at most
    `max_bytes`.
    """
    xmp = packet(source_type) if source_type and rendition.metadata == "source-type" else b""
    tags = Tags(profile=profile, xmp=xmp, exact_white=rendition.exact_white)
    call = _CALLS[rendition.format]

    def made(quality: int) -> bytes:
        told = "; ".join([*notes, *(f"{rendition.name}: {note}" for note in _notes(rendition, quality))])
        return marked(call(np.ascontiguousarray(pixels), quality, tags), f"{text}\n{told}" if told else text)

    if rendition.format in LOSSLESS:
        return _lossless(made, rendition)
    return _lossy(made, rendition)


def _lossless(made: Callable[[int], bytes], rendition: Rendition) -> Encoded:
    """Effort takes the place of quality: the fast one, and if the file is too large, the slow one."""
    limit = rendition.max_bytes
    data = made(0)
    if limit is not None and len(data) > limit:
        data = made(100)
    if limit is not None and len(data) > limit:
        raise _too_large(rendition, len(data), "without loss")
    return Encoded(data=data, quality=100)


def _lossy(made: Callable[[int], bytes], rendition: Rendition) -> Encoded:
    limit = rendition.max_bytes
    data = made(rendition.quality)
    if limit is None or len(data) <= limit:
        return Encoded(data=data, quality=rendition.quality)
    found = _highest(made, rendition.min_quality, rendition.quality - 1, limit)
    if found is None:
        raise _too_large(rendition, len(made(rendition.min_quality)), f"at quality {rendition.min_quality}")
    quality, data = found
    return Encoded(data=data, quality=quality, notes=_notes(rendition, quality))


def _notes(rendition: Rendition, quality: int) -> tuple[str, ...]:
    """What is to be said about a quality that is lower than asked for; nothing about lossless files."""
    if rendition.format in LOSSLESS or quality >= min(_POOR, rendition.quality):
        return ()
    return (f"its quality is only {quality}, because it may have at most {rendition.max_bytes:,} B",)


def _highest(made: Callable[[int], bytes], lowest: int, highest: int, limit: int) -> tuple[int, bytes] | None:
    """The highest quality whose file has at most `limit` B, and the file, by bisection; None if there is none."""
    best, top = None, highest
    while lowest <= highest:
        middle = (lowest + highest) // 2
        data = made(middle)
        if len(data) <= limit:
            best, lowest = (middle, data), middle + 1
        else:
            highest = middle - 1
    if best is not None:
        for quality in range(best[0] + 2, min(top, best[0] + 1 + _AGAIN) + 1):
            if len(data := made(quality)) <= limit:
                best = quality, data
    return best


def _too_large(rendition: Rendition, size: int, how: str) -> ImageRejected:
    detail = (
        f"{rendition.name} has {size:,} B {how}, but at most {rendition.max_bytes:,} B are allowed: make it smaller"
    )
    return ImageRejected(RejectionReason.PICTURE_TOO_LARGE, detail)


_CALLS: dict[FileFormat, Callable[[Bytes, int, Tags], bytes]] = {
    "jpeg": lambda pixels, quality, tags: jpeg.encode_jpeg(
        pixels, quality, profile=tags.profile, xmp=tags.xmp, exact_white=tags.exact_white
    ),
    "png": lambda pixels, effort, tags: png.tagged_png(pixels, small=effort > 0, profile=tags.profile, xmp=tags.xmp),
    "webp": lambda pixels, quality, tags: avif_webp.encode_webp(pixels, quality, profile=tags.profile, xmp=tags.xmp),
    "webp-lossless": lambda pixels, effort, tags: avif_webp.encode_webp(
        pixels, None, profile=tags.profile, xmp=tags.xmp, slow=effort > 0
    ),
    "avif": lambda pixels, quality, tags: avif_webp.encode_avif(pixels, quality, profile=tags.profile, xmp=tags.xmp),
}
