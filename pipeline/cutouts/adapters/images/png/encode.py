"""Encodes PNG files with the Up filter in numpy and ISA-L's deflate, in a quarter of the time of other encoders."""

from __future__ import annotations

import struct

import numpy as np
from isal import isal_zlib

from cutouts.core.pixels import Bytes

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_UP = 2
_LEVEL = 0
"""The level of ISA-L. What its levels 1 and 2 write depends on the address of the stack, so other threads and processes
give other bytes for equal pixels. Level 3 takes two thirds more time; at level 0, files are a sixth larger."""


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
    packed = isal_zlib.compress(_filtered(pixels.reshape(height, width * channels)), _LEVEL)
    chunks = (
        *_chunk(b"IHDR", header),
        *_chunk(b"sRGB", b"\1"),  # relative colorimetric, as the pixels were made
        *_chunk(b"IDAT", packed),
        *_chunk(b"IEND", b""),
    )
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


def _filtered(rows: Bytes) -> Bytes:
    """Each row as its filter type and then the difference from the row above (PNG, section 9)."""
    raw = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    raw[:, 0] = _UP
    raw[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=raw[1:, 1:])
    return raw


def _chunk(name: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(name))
    return struct.pack(">I", len(body)), name, body, struct.pack(">I", checksum)
