"""Checks the scans of a JPEG: their number, and whether a progressive one has every bit of every coefficient.

A progressive file without its last scans shows a blurred picture, and its decoder reports no error.
"""

from __future__ import annotations

from cutouts.adapters.images.jpeg.markers import END_OF_IMAGE, START_OF_SCAN, JpegHeader, segments
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

MOST_SCANS = 100
"""Ordinary progressive files have about ten scans, optimised ones a few more."""
MOST_PASSES = 16
"""Scans times pixels may be this many times the allowed pixels of an image, because each scan visits every pixel."""
_ABSENT = 99


def check(data: bytes, header: JpegHeader, *, max_pixels: int) -> None:
    """Raise ImageRejected if there are too many scans to decode, or too few for the complete picture, or invalid ones.

    A file with a single sequential scan, as most are, is not checked here: the decoder reports if it is cut off.
    """
    if not header.progressive and data.find(b"\xff\xda", header.scan + 2) < 0:
        return
    scans, ended = 0, False
    known = {number: [_ABSENT] * 64 for number in header.components}
    for marker, start, end in segments(data, header.scan):
        ended = ended or marker == END_OF_IMAGE
        if marker == START_OF_SCAN:
            scans += 1
            _count(scans, header, max_pixels)
            _note(data[start:end], known, progressive=header.progressive)
    if not ended:
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: it ends before its end marker")
    if any(level for levels in known.values() for level in levels):
        raise ImageRejected(RejectionReason.TRUNCATED, "JPEG: its last scans are missing, so it would be blurred")


def _count(scans: int, header: JpegHeader, max_pixels: int) -> None:
    if scans > MOST_SCANS:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"JPEG: more than {MOST_SCANS} scans")
    if scans * header.width * header.height > MOST_PASSES * max_pixels:
        size = f"{header.width}×{header.height} px"
        raise ImageRejected(RejectionReason.TOO_LARGE, f"JPEG: {scans} or more scans of {size} take too long to decode")


def _note(scan: bytes, known: dict[int, list[int]], *, progressive: bool) -> None:
    """Update `known`, the lowest known bit of each coefficient (0 if all are known). Raises ImageRejected."""
    count = scan[0] if scan else 0
    if not count or len(scan) < 4 + 2 * count:
        raise ImageRejected(RejectionReason.DAMAGED, "JPEG: the header of a scan is damaged")
    first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
    for number in scan[1 : 1 + 2 * count : 2]:
        levels = known.get(number)
        if levels is None:
            raise ImageRejected(RejectionReason.DAMAGED, "JPEG: a scan has an unknown component")
        if not progressive:
            if not levels[0]:
                raise ImageRejected(RejectionReason.DAMAGED, "JPEG: duplicate component")
            levels[:] = [0] * 64
        else:
            _refine(levels, first, min(last, 63), bits)


def _refine(levels: list[int], first: int, last: int, bits: int) -> None:
    high, low = bits >> 4, bits & 15
    for place in range(first, last + 1):
        if levels[place] != (high or _ABSENT):
            raise ImageRejected(RejectionReason.DAMAGED, "JPEG: its scans are not in order")
        levels[place] = low
