"""The size of an image and the memory that decoding needs, read from the header before memory is allocated."""

from __future__ import annotations

import struct
from collections.abc import Callable

from cutouts.adapters.images import gif, isobmff, jpeg
from cutouts.adapters.images.formats import Format, sniff
from cutouts.adapters.images.isobmff import coded_sizes
from cutouts.adapters.images.tiff.directory import HEIGHT, WIDTH
from cutouts.adapters.images.tiff.layout import BITS, PHOTOMETRIC, SAMPLES, TILE_HEIGHT, TILE_WIDTH, shown_page

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_START = 10_388_608
"""B that every decoder needs, even for the smallest image."""


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px as stored, before orientation; None if `data` states no valid size.

    The first 64 KiB of a file are usually enough, but not for a TIFF that has its directory at the end.
    """
    size = stated_size(data)
    return size if size and min(size) > 0 else None


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that the header states, which may be invalid; None if they are not in `data`."""
    form = sniff(data)
    if form is None:
        return None
    try:
        return _READERS[form](data)
    except (struct.error, IndexError):
        return None


def decode_bytes(data: bytes) -> int:
    """The peak memory in B that decoding `data` needs, including `data` and its pixels; 0 if unknown.

    This is an upper estimate from format, bit depth, channels and compression.
    """
    form, size = sniff(data), read_size(data)
    if form is None or size is None:
        return 0
    try:
        a_pixel, besides = _TAKES[form](data, size[0] * size[1])
    except (struct.error, IndexError, OverflowError):
        return 0
    return _START + len(data) + size[0] * size[1] * a_pixel + besides


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]


def _png(data: bytes) -> tuple[int, int]:
    start = 32 if data[12:16] == b"CgBI" else 16  # Apple's variant, which is rejected by name later
    return _pair(struct.unpack_from(">II", data, start))


def _bmp(data: bytes) -> tuple[int, int]:
    if int.from_bytes(data[14:18], "little") == 12:
        return _pair(struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means that rows start at the top


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
    page = shown_page(data)
    return page.number(WIDTH, 0), page.number(HEIGHT, 0)


def _isobmff(data: bytes) -> tuple[int, int] | None:
    return isobmff.parse(data).shown_size()


_READERS: dict[Format, Callable[[bytes], tuple[int, int] | None]] = {
    Format.JPEG: jpeg.read_size,
    Format.PNG: _png,
    Format.GIF: gif.read_size,
    Format.BMP: _bmp,
    Format.WEBP: _webp,
    Format.TIFF: _tiff,
    Format.AVIF: _isobmff,
    Format.HEIC: _isobmff,
}


def _jpeg_takes(data: bytes, _: int) -> tuple[int, int]:
    """Two copies of the pixels, three if colours are converted, more for CMYK; coefficients if it is progressive."""
    header = jpeg.parse(data)
    if header is None:
        return 9, 0
    count = len(header.components)
    kept = 2 * count if header.progressive else 0
    return (34 if count == 4 else 10 if header.profile else 7) + kept, 0


def _png_takes(data: bytes, _: int) -> tuple[int, int]:
    bits, kind = data[24], data[25]
    packed = _PNG_CHANNELS.get(kind, 4) * max(bits, 8) // 8
    return 5 * packed + (12 if bits == 16 else 8), 0


def _tiff_takes(data: bytes, pixels: int) -> tuple[int, int]:
    """All samples of a strip or tile at once; one byte per bit if samples do not have 8, 16 or 32 bits."""
    page = shown_page(data)
    samples, bits = max(page.number(SAMPLES, 1), 1), page.number(BITS, 1)
    height = max(page.number(HEIGHT, 1), 1)
    tile = page.number(TILE_WIDTH, 0) * page.number(TILE_HEIGHT, 0)
    rows = min(max(page.number(278, height), 1), height)
    block = (tile or pixels // height * rows) * samples
    kept = min(samples, 5) * (2 if bits > 8 else 1)
    lab = 24 if page.number(PHOTOMETRIC, 1) in (8, 9) else 0
    return 4 * kept + 8 + lab, block * (3 * -(-bits // 8) if bits in (8, 16, 32) else 2 * bits)


def _isobmff_takes(data: bytes, pixels: int) -> tuple[int, int]:
    """Planes, their copy, and two copies in RGB of the coded picture, which may be much larger than the shown one."""
    container = isobmff.parse(data)
    return 0, 40 * max((pixels, *(width * height for width, height in coded_sizes.sizes(container))))


_TAKES: dict[Format, Callable[[bytes, int], tuple[int, int]]] = {
    Format.JPEG: _jpeg_takes,
    Format.PNG: _png_takes,
    Format.GIF: lambda _, __: (24, 0),
    Format.BMP: lambda data, _: (40 if data[28] in (16, 32) else 12, 0),
    Format.WEBP: lambda _, __: (26, 0),
    Format.TIFF: _tiff_takes,
    Format.AVIF: _isobmff_takes,
    Format.HEIC: _isobmff_takes,
}
