"""The first directory of a TIFF structure, which is what EXIF is as well (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import struct

WIDTH, HEIGHT, ORIENTATION, SUBFILE, DNG_VERSION = 256, 257, 274, 254, 50706
_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MAX_TAGS = 4096


def first_directory(data: bytes) -> dict[int, int]:
    """Each tag of the first directory with its first value, 0 for values that are no whole numbers; {} if broken."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    try:
        version = struct.unpack_from(f"{order}H", data, 2)[0] if order else 0
        if version == 42:
            return _tags(data, order, struct.unpack_from(f"{order}I", data, 4)[0], big=False)
        if version == 43:
            return _tags(data, order, struct.unpack_from(f"{order}Q", data, 8)[0], big=True)
    except (struct.error, OverflowError):
        return {}
    return {}


def orientation(exif: bytes) -> int:
    """EXIF's orientation of an EXIF block, with or without its `Exif` header, 1…8; 1 where it says none."""
    value = first_directory(exif.removeprefix(b"Exif\0\0")).get(ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def _tags(data: bytes, order: str, offset: int, *, big: bool) -> dict[int, int]:
    count_code, entry, value_at = ("Q", 20, 12) if big else ("H", 12, 8)
    (count,) = struct.unpack_from(order + count_code, data, offset)
    start = offset + struct.calcsize(order + count_code)
    tags: dict[int, int] = {}
    if start + min(count, _MAX_TAGS) * entry > len(data):
        return {}  # cut off within the directory
    for index in range(min(count, _MAX_TAGS)):
        place = start + index * entry
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        code = _INTEGERS.get(kind)
        tags[tag] = struct.unpack_from(order + code, data, place + value_at)[0] if code else 0
    return tags
