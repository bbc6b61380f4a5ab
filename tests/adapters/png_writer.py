"""PNG files of every kind, written from the specification alone: every filter, depth, colour type and Adam7."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.unsignedinteger[Any]]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    samples: Samples, bits: int, kind: int, said: Mapping[str, bytes] | None = None, *, interlaced: bool = False
) -> bytes:
    """`samples` (H×W×channels, of `bits`) of colour type `kind`, with the chunks `said` before the pixels."""
    height, width = samples.shape[:2]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b"".join(_filtered(samples[top::down, left::across], bits) for left, top, across, down in passes)
    packed = zlib.compress(raw)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)),
            *(chunk(name.encode(), body) for name, body in (said or {}).items()),
            chunk(b"IDAT", packed[: len(packed) // 2]),
            chunk(b"IDAT", packed[len(packed) // 2 :]),
            chunk(b"IEND", b""),
        )
    )


def _filtered(samples: Samples, bits: int) -> bytes:
    """Each row after the number of its filter, with all five filters in turn."""
    if not samples.size:
        return b""
    rows, step = _rows(samples, bits), max(1, samples.shape[2] * bits // 8)
    above, out = bytes(len(rows[0])), b""
    for number, row in enumerate(rows):
        out += bytes((number % 5,)) + _filter(number % 5, row, above, step)
        above = row
    return out


def _rows(samples: Samples, bits: int) -> list[bytes]:
    flat = samples.reshape(samples.shape[0], -1)
    if bits >= 8:
        return [row.astype(f">u{bits // 8}").tobytes() for row in flat]
    single = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.astype(np.uint8)).tobytes() for row in single.reshape(flat.shape[0], -1)]


def _filter(number: int, row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray()
    for place, value in enumerate(row):
        left = row[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        guess = (0, left, above[place], (left + above[place]) // 2, _paeth(left, above[place], corner))[number]
        out.append((value - guess) & 255)
    return bytes(out)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
