"""WebP: chunks read by our own code, pixels by libwebp through Pillow (RFC 9649).

A WebP has no checksums. libwebp reports data that end too early. To detect data that continue after the last pixel, we
decode without the last bytes: this must fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from PIL.WebPImagePlugin import WebPImageFile

from cutouts.adapters.images import exif
from cutouts.adapters.images.raster import Colours, Raster, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_LAST = 8
"""Bytes that are removed for this check; encoders add less padding than this."""
_ZEROS = 256
_MOST_CHUNKS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WebpPicture:
    """The chunks of one picture: `kind` is VP8 or VP8L, `alpha` the body of ALPH; its position on the canvas in px."""

    kind: bytes = b""
    body: bytes = b""
    alpha: bytes = b""
    left: int = 0
    top: int = 0


@dataclass(slots=True, kw_only=True)
class _File:
    """The content of a file's chunks, collected while they are read."""

    canvas: tuple[int, int] | None = None
    pictures: list[WebpPicture] = field(default_factory=list)
    frames: int = 0
    profile: bytes = b""
    exif: bytes = b""


def read(data: bytes, *, largest: int | None = None) -> Raster:
    """The picture of `data`, or the first frame of an animation. Raises ImageRejected if it is cut off or damaged.

    If it is a part of another file, `largest` is the most pixels that it may have.
    """
    stated = int.from_bytes(data[4:8], "little") + 8
    if len(data) < stated:
        raise ImageRejected(RejectionReason.TRUNCATED, f"WebP: it ends after {len(data)} of {stated} bytes")
    whole = _parse(data[:stated])
    if not whole.pictures:
        raise ImageRejected(RejectionReason.DAMAGED, "WebP: it holds no picture")
    first = whole.pictures[0]
    width, height = size_of(first)
    if largest is not None and width * height > largest:
        raise ImageRejected(RejectionReason.DAMAGED, "WebP: it is larger than its part of the picture")
    if not first.body[-_ZEROS:].strip(b"\0"):  # an interrupted transfer into reserved space
        raise ImageRejected(RejectionReason.TRUNCATED, "WebP: its end is missing and was filled with zeros")
    _check_size(first, whole)
    rgba = _pixels(first)
    if _left_over(first):
        raise ImageRejected(RejectionReason.DAMAGED, "WebP: its compressed pixels are damaged")
    rgba = _on_canvas(rgba, first, whole)
    words = f"it is animated ({whole.frames} frames): only the first is used"
    return Raster(
        samples=np.ascontiguousarray(rgba[..., :3]),
        space=Space.RGB,
        alpha=np.ascontiguousarray(rgba[..., 3]) if rgba.shape[2] == 4 else None,
        colours=Colours(profile=whole.profile),
        orientation=exif.orientation(whole.exif),
        notes=(words,) if whole.frames > 1 else (),
    )


def _parse(data: bytes) -> _File:
    found, still = _File(), WebpPicture()
    for name, start, end in _chunks(data, 12, len(data)):
        if name == b"VP8X":
            found.canvas = _three(data, start + 4) + 1, _three(data, start + 7) + 1
        elif name == b"ANMF":
            found.frames += 1
            if not found.pictures:
                found.pictures.append(_frame(data, start, end))
        elif name == b"ICCP":
            found.profile = data[start:end]
        elif name == b"EXIF":
            found.exif = data[start:end]
        elif name == b"ALPH" and not still.alpha:
            still = WebpPicture(alpha=data[start:end])
        elif name in (b"VP8 ", b"VP8L") and not found.pictures:
            found.pictures.append(WebpPicture(kind=name, body=data[start:end], alpha=still.alpha))
    return found


def _frame(data: bytes, start: int, end: int) -> WebpPicture:
    left, top, alpha = 2 * _three(data, start), 2 * _three(data, start + 3), b""
    for name, body, stop in _chunks(data, start + 16, end):
        if name == b"ALPH":
            alpha = data[body:stop]
        elif name in (b"VP8 ", b"VP8L"):
            return WebpPicture(kind=name, body=data[body:stop], alpha=alpha, left=left, top=top)
    raise ImageRejected(RejectionReason.DAMAGED, "WebP: its first frame holds no picture")


def _chunks(data: bytes, offset: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MOST_CHUNKS):
        if offset + 8 > end:
            return
        name, size = data[offset : offset + 4], int.from_bytes(data[offset + 4 : offset + 8], "little")
        if offset + 8 + size > end:
            if name in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
                raise ImageRejected(RejectionReason.TRUNCATED, "WebP: a chunk of its pixels is cut off")
            return
        yield name, offset + 8, offset + 8 + size
        offset += 8 + size + size % 2


def size_of(picture: WebpPicture) -> tuple[int, int]:
    """Width and height in px that the compressed data state."""
    body = picture.body
    if picture.kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF


def _pixels(picture: WebpPicture, shorter: int = 0) -> Bytes:
    """uint8 H×W×3 or H×W×4, decoded without the last `shorter` bytes. Raises OSError if the data end too early."""
    body = picture.body[: len(picture.body) - shorter]
    chunks = _chunk(picture.kind, body)
    if picture.alpha:
        width, height = size_of(picture)
        canvas = b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks = _chunk(b"VP8X", canvas) + _chunk(b"ALPH", picture.alpha) + chunks
    with WebPImageFile(BytesIO(b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WEBP" + chunks)) as image:
        image.load()
        return np.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"))


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)


def _left_over(picture: WebpPicture) -> bool:
    """Whether the picture can be decoded without its last bytes, which means that its codes are damaged."""
    if len(picture.body) < 64 or not picture.body[-_LAST:].strip(b"\0"):
        return False
    try:
        _pixels(picture, _LAST)
    except (OSError, EOFError, ValueError, SyntaxError, RuntimeError):
        return False
    return True


def _check_size(picture: WebpPicture, whole: _File) -> None:
    """Raise ImageRejected if the picture does not fit the canvas, whose size was checked before."""
    width, height = size_of(picture)
    if whole.canvas is None or (width, height) == whole.canvas:
        return
    if picture.left + width > whole.canvas[0] or picture.top + height > whole.canvas[1] or not whole.frames:
        raise ImageRejected(RejectionReason.DAMAGED, "WebP: its picture does not have the stated size")


def _on_canvas(rgba: Bytes, picture: WebpPicture, whole: _File) -> Bytes:
    """The picture at its position on the canvas, which is transparent elsewhere."""
    height, width = rgba.shape[:2]
    if whole.canvas is None or (width, height) == whole.canvas:
        return rgba
    canvas = np.zeros((whole.canvas[1], whole.canvas[0], 4), np.uint8)
    part = canvas[picture.top : picture.top + height, picture.left : picture.left + width]
    part[..., : rgba.shape[2]] = rgba
    if rgba.shape[2] == 3:
        part[..., 3] = 255
    return canvas


def _three(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 3], "little")
