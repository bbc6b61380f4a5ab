"""The blocks of a GIF and the picture of its first frame (GIF89a)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cutouts.adapters.images.gif.codes import unpacked
from cutouts.adapters.images.limits import check_size
from cutouts.adapters.images.raster import Raster, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_IMAGE, _EXTENSION, _TRAILER, _CONTROL = 0x2C, 0x21, 0x3B, 0xF9
_MOST_BLOCKS = 4_000_000
"""Each has at most 255 B. No accepted file needs more blocks than this."""
_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))
"""First row and step of each pass of an interlaced picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """The first frame: its position and size in px, palette (uint8 n×3 as bytes), transparent index and codes."""

    left: int
    top: int
    width: int
    height: int
    interlaced: bool
    palette: bytes
    clear: int | None
    bits: int
    codes: bytes


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px of the canvas; None if `data` ends before them."""
    return (_two(data, 6), _two(data, 8)) if len(data) >= 10 else None


def read(data: bytes, *, max_pixels: int) -> Raster:
    """The first frame of `data` on its canvas. Raises ImageRejected if it is cut off, damaged or of a bad size."""
    frame, count = _parse(data)
    width, height = read_size(data) or (0, 0)
    width, height = max(width, frame.left + frame.width), max(height, frame.top + frame.height)
    check_size((width, height), max_pixels=max_pixels)
    indices = unpacked(frame.codes, frame.bits, frame.width * frame.height)
    rows = np.frombuffer(indices, np.uint8).reshape(frame.height, frame.width)
    rgba = _coloured(_in_order(rows) if frame.interlaced else rows, frame)
    canvas = np.zeros((height, width, 4), np.uint8)
    canvas[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width] = rgba
    return Raster(
        samples=np.ascontiguousarray(canvas[..., :3]),
        space=Space.RGB,
        alpha=np.ascontiguousarray(canvas[..., 3]),
        notes=(f"it is animated ({count} frames): only the first is used",) if count > 1 else (),
    )


def _parse(data: bytes) -> tuple[_Frame, int]:
    """The first frame, and the number of frames as far as the file can be read."""
    packed, offset = data[10] if len(data) > 10 else 0, 13
    shared, offset = _palette(data, offset, packed)
    first, clear, count = None, None, 0
    while offset < len(data) and data[offset] != _TRAILER:
        if data[offset] == _EXTENSION:
            if data[offset + 1 : offset + 3] == bytes((_CONTROL, 4)) and data[offset + 3] & 1 and first is None:
                clear = data[offset + 6] if offset + 6 < len(data) else None
            offset = _behind(data, offset + 2)
        elif data[offset] == _IMAGE and offset + 10 < len(data):
            count += 1
            local, codes = _palette(data, offset + 10, data[offset + 9])
            if first is None:
                first = _frame(data, offset, local or shared, clear, codes)
            offset = _behind(data, codes + 1)
        else:
            break  # the rest is not a block, but the first frame may be complete
    if first is None:
        raise ImageRejected(RejectionReason.TRUNCATED, "GIF: it ends before its first picture")
    return first, count


def _frame(data: bytes, offset: int, palette: bytes, clear: int | None, codes: int) -> _Frame:
    left, top, width, height = (_two(data, offset + place) for place in (1, 3, 5, 7))
    if not palette:
        raise ImageRejected(RejectionReason.DAMAGED, "GIF: its palette is missing")
    if codes >= len(data) or not 1 <= data[codes] <= 11 or not width or not height:
        raise ImageRejected(RejectionReason.DAMAGED, "GIF: the header of its picture is invalid")
    return _Frame(
        left=left,
        top=top,
        width=width,
        height=height,
        interlaced=bool(data[offset + 9] & 0x40),
        palette=palette,
        clear=clear,
        bits=data[codes],
        codes=b"".join(data[start:end] for start, end in _pieces(data, codes + 1)),
    )


def _palette(data: bytes, offset: int, packed: int) -> tuple[bytes, int]:
    """The palette at `offset`, empty if `packed` states none, and the offset after it."""
    size = 3 << (packed & 7) + 1 if packed & 0x80 else 0
    return data[offset : offset + size], offset + size


def _pieces(data: bytes, offset: int) -> Iterator[tuple[int, int]]:
    for _ in range(_MOST_BLOCKS):
        size = data[offset] if offset < len(data) else 0
        if not size:
            return
        yield offset + 1, min(offset + 1 + size, len(data))
        offset += 1 + size


def _behind(data: bytes, offset: int) -> int:
    """The offset after the blocks at `offset` and after the empty block that ends them."""
    for _, end in _pieces(data, offset):
        offset = end
    return offset + 1


def _in_order(rows: Bytes) -> Bytes:
    ordered, taken = np.empty_like(rows), 0
    for first, step in _PASSES:
        count = len(range(first, rows.shape[0], step))
        ordered[first::step] = rows[taken : taken + count]
        taken += count
    return ordered


def _coloured(indices: Bytes, frame: _Frame) -> Bytes:
    """RGBA, uint8 H×W×4. Indices beyond the palette are black, as in common viewers."""
    table = np.zeros((256, 4), np.uint8)
    stored = np.frombuffer(frame.palette, np.uint8, len(frame.palette) // 3 * 3).reshape(-1, 3)
    table[: len(stored), :3] = stored
    table[:, 3] = 255
    if frame.clear is not None:
        table[frame.clear] = 0
    return table[indices]


def _two(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")
