"""The directories of a TIFF structure, which EXIF uses too (TIFF 6.0; BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TypeAlias

WIDTH, HEIGHT, ORIENTATION, SUBFILE, DNG_VERSION = 256, 257, 274, 254, 50706
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_TAGS = 4096
_MAX_VALUES = 1 << 22
"""Values of one tag. No accepted picture has more strips than this."""

Entry: TypeAlias = tuple[int, int, int]
"""Type, count, and offset of the first value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The tags of one directory; values are read on demand. It has no tags if it is broken or missing."""

    data: bytes = b""
    order: str = "<"
    big: bool = False
    entries: dict[int, Entry] = field(default_factory=dict)
    next: int = 0

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All values of `tag` if they are integers; none if there are none, or if they are beyond the data."""
        kind, count, offset = self.entries.get(tag, (0, 0, 0))
        code = _NUMBERS.get(kind)
        if code is None or not 0 < count <= _MAX_VALUES:
            return ()
        try:
            return struct.unpack_from(f"{self.order}{count}{code}", self.data, offset)
        except (struct.error, OverflowError):
            return ()

    def number(self, tag: int, default: int) -> int:
        """The first value of `tag`; `default` if there is none, or if it is not an integer."""
        kind, count, offset = self.entries.get(tag, (0, 0, 0))
        try:
            code = _NUMBERS[kind]
            return int(struct.unpack_from(f"{self.order}{code}", self.data, offset)[0]) if count else default
        except (KeyError, struct.error, OverflowError):
            return default

    def text(self, tag: int) -> bytes:
        """The bytes of `tag` of any type."""
        kind, count, offset = self.entries.get(tag, (0, 0, 0))
        return self.data[offset : offset + count * _SIZES.get(kind, 0)]

    def inner(self, tag: int) -> Directory:
        """The directory that `tag` points to; one without tags if there is none."""
        return read_directory(self.data, self.number(tag, 0), self.order, big=self.big) if tag in self else Directory()


def open_directory(data: bytes) -> Directory:
    """The first directory of `data`; one without tags if it cannot be read."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    try:
        version = struct.unpack_from(f"{order}H", data, 2)[0] if order else 0
        if version == 42:
            return read_directory(data, struct.unpack_from(f"{order}I", data, 4)[0], order, big=False)
        if version == 43:
            return read_directory(data, struct.unpack_from(f"{order}Q", data, 8)[0], order, big=True)
    except (struct.error, OverflowError):
        return Directory()
    return Directory()


def read_directory(data: bytes, offset: int, order: str, *, big: bool) -> Directory:
    """The directory at `offset`; one without tags if it cannot be read. Of duplicate tags, the first is used."""
    count_code, size, at = ("Q", 20, 12) if big else ("H", 12, 8)
    try:
        (count,) = struct.unpack_from(order + count_code, data, offset)
        start = offset + struct.calcsize(order + count_code)
        entries = dict[int, Entry]()
        for place in range(start, start + min(count, _MAX_TAGS) * size, size):
            tag, kind = struct.unpack_from(f"{order}HH", data, place)
            (values,) = struct.unpack_from(order + ("Q" if big else "I"), data, place + 4)
            inline = values * _SIZES.get(kind, 1) <= (8 if big else 4)
            where = place + at if inline else struct.unpack_from(order + ("Q" if big else "I"), data, place + at)[0]
            entries.setdefault(tag, (kind, values, where))
        behind = start + count * size
        (following,) = struct.unpack_from(order + ("Q" if big else "I"), data, behind) if count <= _MAX_TAGS else (0,)
    except (struct.error, OverflowError):
        return Directory()
    return Directory(data=data, order=order, big=big, entries=entries, next=following)
