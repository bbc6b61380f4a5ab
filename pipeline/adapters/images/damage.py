"""Whether a file is all there, told from its own lengths and checksums; decoders are often silent about it."""

from __future__ import annotations

from isal import isal_zlib

from pipeline.adapters.images.container import boxes
from pipeline.adapters.images.formats import Format

_PNG_ANCILLARY = 0x20
"""Bit of a chunk type's first letter: the picture can be shown without it."""
_ZEROS = 256


def find_damage(data: bytes, form: Format) -> str | None:
    """What is missing or broken, in words; None where nothing is seen. JPEG has its own (`jpeg.is_complete`)."""
    match form:
        case Format.PNG:
            return _png(data)
        case Format.WEBP:
            return _short(data, int.from_bytes(data[4:8], "little") + 8) or _blank(data, form)
        case Format.AVIF | Format.HEIC:
            found = list(boxes(data))
            if not found:
                return "its container is broken"
            name, _, stop = found[-1]
            return _short(data, stop) or (_blank(data, form) if name == b"mdat" else None)
        case _:
            return None


def _blank(data: bytes, form: Format) -> str | None:
    """A transfer that broke off into space set aside before: compressed pixels do not end in so many zeros."""
    if form is Format.WEBP and data[12:16] == b"VP8X":
        return None  # may end in padded metadata
    return "its end is filled with zeros" if not data[-_ZEROS:].strip(b"\0") else None


def _short(data: bytes, stated: int) -> str | None:
    return f"it ends after {len(data)} of {stated} bytes" if len(data) < stated else None


def _png(data: bytes) -> str | None:
    """Walks the chunks and checks the checksums of those that hold the picture (0.03 ms/MP)."""
    view, offset = memoryview(data), 8
    while offset + 12 <= len(data):
        size, name = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        end = offset + 12 + size
        if end > len(data):
            break
        stated = int.from_bytes(data[end - 4 : end], "big")
        if not name[0] & _PNG_ANCILLARY and isal_zlib.crc32(view[offset + 4 : end - 4]) != stated:
            return f"the checksum of its {name.decode('latin-1')} chunk is wrong"
        if name == b"IEND":
            return None
        offset = end
    return "it ends before its end marker"
