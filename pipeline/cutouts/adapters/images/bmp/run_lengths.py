"""Run lengths of a BMP (RLE8 and RLE4)."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images.bmp.header import RLE4, BmpHeader
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_END_OF_LINE, _END, _MOVE = 0, 1, 2
_MOST_BYTES = 32 << 20
"""Run lengths are decoded one by one; more bytes would occupy a worker for seconds."""


def unpacked(data: bytes, header: BmpHeader) -> tuple[Bytes, bool]:
    """The palette index of each pixel, uint8 H×W, rows in file order, and whether the file leaves out some pixels.

    Raises ImageRejected if the runs leave the picture, end too early or have too many bytes.
    """
    if len(data) - header.pixels > _MOST_BYTES:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"BMP: more than {_MOST_BYTES >> 20} MiB of run lengths")
    canvas = bytearray(header.width * header.height)
    given = _fill(canvas, data, header)
    return np.frombuffer(canvas, np.uint8).reshape(header.height, header.width), given < len(canvas)


def _fill(canvas: bytearray, data: bytes, header: BmpHeader) -> int:
    """Write the runs into `canvas`. Returns the number of pixels written."""
    width, offset, x, y, given = header.width, header.pixels, 0, 0, 0
    while offset + 2 <= len(data):
        count, code = data[offset], data[offset + 1]
        offset += 2
        if count == 0 and code == _END_OF_LINE:
            x, y = 0, y + 1
        elif count == 0 and code == _END:
            return given
        elif count == 0 and code == _MOVE:
            x, y = x + int.from_bytes(data[offset : offset + 1]), y + int.from_bytes(data[offset + 1 : offset + 2])
            offset += 2
        else:
            run, taken = _run(data, offset, count, code, header)
            if not run or y >= header.height or x + len(run) > width + (header.packing == RLE4):
                raise _outside(data, offset, run)
            run = run[: width - x]
            canvas[y * width + x : y * width + x + len(run)] = run
            x, offset, given = x + len(run), offset + taken, given + len(run)
    if y < header.height - 1 or x < width:
        raise ImageRejected(RejectionReason.TRUNCATED, "BMP: its run lengths end too early")
    return given


def _run(data: bytes, offset: int, count: int, code: int, header: BmpHeader) -> tuple[bytes, int]:
    """The indices of one run, and how many bytes it takes after its code; no indices if it is cut off."""
    nibbles = header.packing == RLE4
    if count:
        return (bytes((code >> 4, code & 15)) * 128)[:count] if nibbles else bytes((code,)) * count, 0
    size = (code + 1) // 2 if nibbles else code
    stored = data[offset : offset + size]
    if len(stored) < size:
        return b"", 0
    if nibbles:
        stored = bytes(half for both in stored for half in (both >> 4, both & 15))[:code]
    return stored, size + size % 2


def _outside(data: bytes, offset: int, run: bytes) -> ImageRejected:
    if not run and offset >= len(data) - 255:
        return ImageRejected(RejectionReason.TRUNCATED, "BMP: its run lengths end too early")
    return ImageRejected(RejectionReason.DAMAGED, "BMP: its run lengths leave the picture")
