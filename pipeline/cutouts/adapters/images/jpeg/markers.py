"""The markers of a JPEG file: its header, its profile and its scans (ISO/IEC 10918-1, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Segment: TypeAlias = tuple[int, int, int]
"""Marker, start and end of the body."""
_AFTER_ENTROPY = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends entropy-coded data (not a stuffed zero, a fill byte or a restart marker)."""
_MARKER = re.compile(rb"\xff[^\xff]")
"""A marker, after any fill bytes."""
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS_OR_HIERARCHICAL = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_MOST_SEGMENTS = 20_000
"""Files usually have a few dozen; a profile of 16 MB needs 256."""
_LARGEST_PROFILE = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """The content before the first scan. Sizes in px as stored; `scan` is the offset of the first scan's marker.

    `components` are the ids of the components in scans. `problem` says in words why we cannot decode it, or is empty.
    """

    width: int
    height: int
    components: bytes
    progressive: bool
    adobe: bool
    exif: bytes
    profile: bytes
    scan: int
    problem: str


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px as stored; None if the frame's header is not in `data`."""
    for marker, start, end in segments(data):
        if marker in _FRAMES and end - start >= 6:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
        if marker == START_OF_SCAN:
            break
    return None


def parse(data: bytes) -> JpegHeader | None:
    """The header of `data`; None if the file ends before its first scan or has no frame."""
    frame, exif, adobe = (0, b""), b"", False
    profile: dict[int, bytes] = {}
    for marker, start, end in segments(data):
        if marker in _FRAMES and end - start >= 6:
            frame = (marker, data[start:end])
        elif marker == _APP1 and data.startswith(b"Exif\0\0", start) and not exif:
            exif = data[start + 6 : end]
        elif _is_profile(marker, data, start) and end - start > 14:
            profile.setdefault(data[start + 12], data[start + 14 : end])
        elif marker == _APP14 and data.startswith(b"Adobe", start):
            adobe = True
        elif marker == START_OF_SCAN:
            pieces = b"".join(profile[number] for number in sorted(profile))[:_LARGEST_PROFILE]
            return _header(*frame, adobe=adobe, exif=exif, profile=pieces, scan=start - 4) if frame[0] else None
    return None


def tidied(data: bytes, header: JpegHeader, *, profile: bool) -> bytes:
    """`data` without bytes between the segments of its header, and with version numbers that decoders know.

    Decoders only warn about either, and only the first of several warnings is available. Without `profile`, segments of
    a colour profile are left out, because pixels do not need them.
    """
    parts = [data[:2]]
    for marker, start, end in segments(data):
        if marker == START_OF_SCAN:
            break
        if not profile and _is_profile(marker, data, start):
            continue
        part = bytearray(data[start - 4 : end])
        if marker == _APP0 and part[4:9] == b"JFIF\0":
            part[9] = 1
        elif marker == _APP14 and part[4:9] == b"Adobe" and len(part) > 15 and part[15] > 2:
            part[15] = 1 if len(header.components) == 3 else 2  # as decoders interpret it
        parts.append(bytes(part))
    return b"".join((*parts, data[header.scan :]))


def _is_profile(marker: int, data: bytes, start: int) -> bool:
    return marker == _APP2 and data.startswith(b"ICC_PROFILE\0", start)


def segments(data: bytes, offset: int = 2) -> Iterator[Segment]:
    """Each segment up to the end of the image, or to the end of the data."""
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(data, offset)
        if found is None:
            return
        offset, marker = found.start(), data[found.start() + 1]
        if marker in _ALONE or marker == 0:
            offset += 2
            continue
        if marker == END_OF_IMAGE:
            yield marker, offset + 2, offset + 2
            return
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        if end > len(data) or end < offset + 4:
            return
        yield marker, offset + 4, end
        offset = entropy_end(data, end) if marker == START_OF_SCAN else end


def _header(marker: int, body: bytes, *, adobe: bool, exif: bytes, profile: bytes, scan: int) -> JpegHeader:
    return JpegHeader(
        width=int.from_bytes(body[3:5], "big"),
        height=int.from_bytes(body[1:3], "big"),
        components=body[6 : 6 + 3 * body[5] : 3],
        progressive=marker in _PROGRESSIVE,
        adobe=adobe,
        exif=exif,
        profile=profile,
        scan=scan,
        problem=_problem(marker, body),
    )


def _problem(marker: int, body: bytes) -> str:
    if marker in _ARITHMETIC:
        return "with arithmetic coding"
    if marker in _LOSSLESS_OR_HIERARCHICAL:
        return "lossless or hierarchical"
    if body[0] != 8:
        return f"of {body[0]} bit"
    return "" if body[5] in (1, 3, 4) else f"of {body[5]} components"


def entropy_end(data: bytes, start: int) -> int:
    """Offset of the marker that ends the entropy-coded data at `start`; the length of `data` if there is none."""
    end = _AFTER_ENTROPY.search(data, start)
    return end.start() if end else len(data)
