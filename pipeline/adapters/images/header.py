"""The size of an image by its header alone, without any decoder: what is judged before memory is given."""

from __future__ import annotations

import struct
from collections.abc import Callable

from pipeline.adapters.images import container, jpeg, tiff
from pipeline.adapters.images.formats import Format, sniff


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px as stored, before orientation; None where `data` does not tell.

    The first 64 KiB of a file usually suffice; not for a TIFF whose directory stands at its end.
    """
    form = sniff(data)
    if form is None:
        return None
    try:
        size = _READERS[form](data)
    except (struct.error, IndexError):
        return None
    return size if size and min(size) > 0 else None


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]


def _bmp(data: bytes) -> tuple[int, int]:
    if int.from_bytes(data[14:18], "little") == 12:
        return _pair(struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means rows from the top


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L" and data[20:21] == b"\x2f":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: bytes) -> tuple[int, int]:
    tags = tiff.first_directory(data)
    return tags.get(tiff.WIDTH, 0), tags.get(tiff.HEIGHT, 0)


_READERS: dict[Format, Callable[[bytes], tuple[int, int] | None]] = {
    Format.JPEG: jpeg.read_size,
    Format.PNG: lambda data: _pair(struct.unpack_from(">II", data, 16)),
    Format.GIF: lambda data: _pair(struct.unpack_from("<HH", data, 6)),
    Format.BMP: _bmp,
    Format.WEBP: _webp,
    Format.TIFF: _tiff,
    Format.AVIF: container.read_size,
    Format.HEIC: container.read_size,
}
