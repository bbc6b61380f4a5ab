"""Encodes PNG files with the Up filter in numpy and ISA-L's deflate, in a quarter of the time of other encoders."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib

from cutouts.core.pixels import Bytes

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_UP = 2
_LEVEL = 0
"""The level of ISA-L. What its levels 1 and 2 write depends on the address of the stack, so other threads and processes
give other bytes for equal pixels. Level 3 takes two thirds more time; at level 0, files are a sixth larger."""
_STRIP_BYTES = 256 * 1024


def encode_png(pixels: Bytes) -> bytes:
    """`pixels`, uint8 H×W (grey), H×W×3 (sRGB) or H×W×4 (sRGB, straight alpha), as a PNG file that states sRGB.

    Lossless; equal pixels give equal bytes. Releases the GIL while it compresses. Raises ValueError for any other shape
    or type.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in _COLOUR_TYPES or not pixels.size:
        raise ValueError(f"PNG takes uint8 H×W, H×W×3 or H×W×4, not {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    deflate = isal_zlib.compressobj(_LEVEL)
    packed = [deflate.compress(strip) for strip in _filtered(pixels.reshape(height, width * channels))]
    chunks = (
        *_chunk(b"IHDR", header),
        *_chunk(b"sRGB", b"\1"),  # relative colorimetric, as the pixels were made
        *_chunk(b"IDAT", b"".join((*packed, deflate.flush()))),
        *_chunk(b"IEND", b""),
    )
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


def _filtered(rows: Bytes) -> Iterator[Bytes]:
    """Each row as its filter type and then the difference from the row above (PNG, section 9), in strips of rows that
    fit into the cache; the next strip overwrites the one before."""
    height, width = rows.shape
    step = max(1, min(height, _STRIP_BYTES // (width + 1)))
    raw = np.empty((step, width + 1), np.uint8)
    raw[:, 0] = _UP
    for top in range(0, height, step):
        strip = raw[: height - top]
        begin, end = max(top, 1), top + len(strip)
        if top == 0:
            strip[0, 1:] = rows[0]
        np.subtract(rows[begin:end], rows[begin - 1 : end - 1], out=strip[begin - top :, 1:])
        yield strip


def _chunk(name: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(name))
    return struct.pack(">I", len(body)), name, body, struct.pack(">I", checksum)
