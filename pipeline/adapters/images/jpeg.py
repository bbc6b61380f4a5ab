"""The markers of a JPEG file: its header, its profile, and whether it was cut off (ISO/IEC 10918-1, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_AFTER_ENTROPY = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends entropy-coded data: not a stuffed zero, a fill byte or a restart."""
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_APP1, _APP2, _APP14 = 0xE1, 0xE2, 0xEE
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS_OR_HIERARCHICAL = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What stands before the first scan. Sizes in px as stored; `scan` is the offset of the first scan's marker."""

    width: int
    height: int
    components: int
    precision: int
    progressive: bool
    unusual: bool
    adobe: bool
    exif: bytes
    profile: bytes
    scan: int


def read_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in px as stored; None where the frame's header is not within `data`."""
    for marker, start, end in _segments(data):
        if marker in _FRAMES and end - start >= 6:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
        if marker == _START_OF_SCAN:
            break
    return None


def parse(data: bytes) -> JpegHeader | None:
    """The header of `data`; None where the file ends before its first scan or has no frame."""
    frame, exif, adobe = (0, b""), b"", False
    profile: dict[int, bytes] = {}
    for marker, start, end in _segments(data):
        body = data[start:end]
        if marker in _FRAMES and len(body) >= 6:
            frame = (marker, body)
        elif marker == _APP1 and body.startswith(b"Exif\0\0") and not exif:
            exif = body[6:]
        elif marker == _APP2 and body.startswith(b"ICC_PROFILE\0") and len(body) > 14:
            profile[body[12]] = body[14:]
        elif marker == _APP14 and body.startswith(b"Adobe"):
            adobe = True
        elif marker == _START_OF_SCAN:
            pieces = b"".join(profile[number] for number in sorted(profile))
            return _header(*frame, adobe=adobe, exif=exif, profile=pieces, scan=start - 4) if frame[0] else None
    return None


def is_complete(data: bytes, header: JpegHeader) -> bool:
    """Whether the file goes on to its end-of-image marker.

    The decoder fills what is missing with grey and tells nobody. The marker cannot occur within entropy-coded data, so
    a search from the end, which costs nothing for a whole file, answers for one scan. A progressive file's scans are
    walked (1 ms per MB): where it breaks off it shows no grey, only blur.
    """
    if data.rfind(b"\xff\xd9", header.scan) < 0:
        return False
    return not header.progressive or any(marker == _END_OF_IMAGE for marker, _, _ in _segments(data, header.scan))


def continued(data: bytes, header: JpegHeader) -> bytes:
    """`data` with more entropy-coded data behind the first scan's.

    A decoder that had all it needed gives the same pixels; one that ran dry (a cut-off file with something appended, or
    an end marker added by a well-meaning program) goes on into the addition, and the pixels change.
    """
    length = int.from_bytes(data[header.scan + 2 : header.scan + 4], "big")
    end = _AFTER_ENTROPY.search(data, header.scan + 2 + length)
    stop = end.start() if end else len(data)
    return data[:stop] + bytes(range(17, 240)) * 8 + b"\xff\xd9"


def _header(marker: int, body: bytes, *, adobe: bool, exif: bytes, profile: bytes, scan: int) -> JpegHeader:
    return JpegHeader(
        width=int.from_bytes(body[3:5], "big"),
        height=int.from_bytes(body[1:3], "big"),
        components=body[5],
        precision=body[0],
        progressive=marker in _PROGRESSIVE,
        unusual=marker in _LOSSLESS_OR_HIERARCHICAL or body[0] != 8,
        adobe=adobe,
        exif=exif,
        profile=profile,
        scan=scan,
    )


def _segments(data: bytes, offset: int = 2) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment's body, up to the end of image; stops where the file does."""
    while (offset := data.find(b"\xff", offset)) >= 0 and offset + 1 < len(data):
        marker = data[offset + 1]
        if marker == 0xFF:
            offset += 1
        elif marker in _ALONE or marker == 0:
            offset += 2
        elif marker == _END_OF_IMAGE:
            yield marker, offset + 2, offset + 2
            return
        else:
            end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
            if end > len(data) or end < offset + 4:
                return
            yield marker, offset + 4, end
            offset = _entropy_end(data, end) if marker == _START_OF_SCAN else end


def _entropy_end(data: bytes, start: int) -> int:
    end = _AFTER_ENTROPY.search(data, start)
    return end.start() if end else len(data)
