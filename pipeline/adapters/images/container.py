"""The boxes of AVIF and HEIC files and the size that they state (ISO/IEC 14496-12, 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

Box: TypeAlias = tuple[bytes, int, int]
"""Name, start and stated end of the body; the stated end may lie beyond the data."""
_WIDE_GAMUT = frozenset({9, 11, 12})
"""Rec. 2020, DCI-P3, Display P3."""
_HIGH_DYNAMIC_RANGE = frozenset({16, 18})
"""PQ and HLG."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes from `start` to `end`, not those within them."""
    end = len(data) if end is None else min(end, len(data))
    while start + 8 <= end:
        size, name = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        body = start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        stop = end if size == 0 else start + size
        if stop < body:
            return
        yield name, body, stop
        start = stop


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px of the main picture, cropped but not turned; None where it is not said."""
    own = _own(data)
    if b"clap" in own:
        width, over, height, under = struct.unpack_from(">4I", data, own[b"clap"])
        return (width // over, height // under) if over and under else None
    return _pair(data, own[b"ispe"] + 4) if b"ispe" in own else None


def colour_note(data: bytes) -> str | None:
    """In words what the main picture's code points ask for beyond sRGB (ITU-T H.273); None where they do not."""
    try:
        place = _own(data).get(b"colr")
        if place is None or data[place : place + 4] != b"nclx":
            return None
        primaries, transfer = struct.unpack_from(">HH", data, place + 4)
    except (struct.error, IndexError):
        return None
    if transfer in _HIGH_DYNAMIC_RANGE:
        return "it is a high dynamic range picture: taken for sRGB, so its colours are approximate"
    if primaries in _WIDE_GAMUT:
        return "its colours have a wide gamut and no profile: taken for sRGB, so they are approximate"
    return None


def _own(data: bytes) -> dict[bytes, int]:
    """Name and start of the body of each property of the main picture."""
    meta = _child(data, 0, len(data), b"meta")
    properties = meta and _child(data, meta[1] + 4, meta[2], b"iprp")
    described = properties and _child(data, properties[1], properties[2], b"ipco")
    if not meta or not properties or not described:
        return {}
    known = list(boxes(data, described[1], described[2]))
    primary = _primary(data, _child(data, meta[1] + 4, meta[2], b"pitm"))
    indices = _associated(data, _child(data, properties[1], properties[2], b"ipma"), primary)
    return {known[index - 1][0]: known[index - 1][1] for index in indices if 0 < index <= len(known)}


def _child(data: bytes, start: int, end: int, name: bytes) -> Box | None:
    return next((box for box in boxes(data, start, end) if box[0] == name), None)


def _primary(data: bytes, box: Box | None) -> int:
    if box is None:
        return 0
    code = ">H" if data[box[1] : box[1] + 1] == b"\0" else ">I"
    return int(struct.unpack_from(code, data, box[1] + 4)[0])


def _associated(data: bytes, box: Box | None, item: int) -> list[int]:
    """Numbers, from 1, of the properties of `item`."""
    if box is None:
        return []
    version, wide = data[box[1]], data[box[1] + 3] & 1
    (count,) = struct.unpack_from(">I", data, box[1] + 4)
    place, name = box[1] + 8, ">H" if version < 1 else ">I"
    for _ in range(count):
        (owner,) = struct.unpack_from(name, data, place)
        place += struct.calcsize(name)
        codes = struct.unpack_from(f">{data[place]}{'H' if wide else 'B'}", data, place + 1)
        if owner == item:
            return [code & (0x7FFF if wide else 0x7F) for code in codes]  # the highest bit says: essential
        place += 1 + len(codes) * (2 if wide else 1)
    return []


def _pair(data: bytes, place: int) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, place)
    return width, height
