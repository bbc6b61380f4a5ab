"""The boxes of AVIF and HEIC files (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Box: TypeAlias = tuple[bytes, int, int]
"""Name, start and stated end of the body; the stated end may be beyond the data."""
_MOST_BOXES = 100_000


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes from `start` to `end`, without the boxes nested in them."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, name = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        body = start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        stop = end if size == 0 else start + size
        if stop < body:
            return
        yield name, body, stop
        start = stop


def child(data: bytes, box: Box | None, name: bytes, skip: int = 0) -> Box | None:
    """The first box of that name in `box`, whose body begins with `skip` other bytes; None if there is none."""
    if box is None:
        return None
    return next((found for found in boxes(data, box[1] + skip, box[2]) if found[0] == name), None)
