"""The mark of our own picture files, whatever their format, so that none is mistaken for a photograph.

A PNG has a text chunk after its header (`png_mark`), a JPEG a comment after its first segment, a WebP a chunk and an
AVIF a box at the end. Formats allow readers to ignore all of them.
"""

from __future__ import annotations

import struct

from cutouts.core import png_mark

_NAME = b"cutouts\0"
MARK_BYTES = png_mark.MARK_BYTES
"""This many bytes from the beginning and from the end of a file contain its whole mark."""
_TEXT_BYTES = 2048
_COMMENT, _CHUNK, _BOX = 0xFE, b"CUTO", b"free"
"""The marker of a comment in a JPEG, the name of our chunk in a WebP, and of a box that readers skip in an AVIF."""


def marked(data: bytes, text: str) -> bytes:
    """The PNG, JPEG, WebP or AVIF in `data` with our mark, whose `text` is cut if it is too long.

    Raises ValueError for any other format.
    """
    body = _NAME + text.encode("latin-1", "replace")[:_TEXT_BYTES]
    if data.startswith(b"\x89PNG"):
        return png_mark.marked(data, text)
    if data.startswith(b"\xff\xd8\xff"):
        after = _after_first(data)
        return data[:after] + struct.pack(">BBH", 0xFF, _COMMENT, len(body) + 2) + body + data[after:]
    if data[:4] == b"RIFF":
        whole = data + _CHUNK + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
        return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]
    if data[4:8] == b"ftyp":
        return data + struct.pack(">I", len(body) + 8) + _BOX + body
    raise ValueError("neither PNG, JPEG, WebP nor AVIF")


def has_mark_at_end(beginning: bytes) -> bool:
    """Whether files of this format have their mark at the end."""
    return beginning[:4] == b"RIFF" or beginning[4:8] == b"ftyp"


def mark_of(beginning: bytes, end: bytes = b"") -> str | None:
    """The text of the mark, from the first and (`has_mark_at_end`) the last `MARK_BYTES` of a file; None if it has
    none."""
    if beginning.startswith(b"\xff\xd8\xff"):
        start = _after_first(beginning)
        size = int.from_bytes(beginning[start + 2 : start + 4], "big") - 2
        return _text(beginning, start + 4, size) if beginning[start + 1 : start + 2] == bytes([_COMMENT]) else None
    if not has_mark_at_end(beginning):
        return png_mark.mark_of(beginning)
    start = end.rfind(_NAME)
    if start >= 8 and end[start - 8 : start - 4] == _CHUNK:
        return _text(end, start, int.from_bytes(end[start - 4 : start], "little"))
    if start >= 8 and end[start - 4 : start] == _BOX:
        return _text(end, start, int.from_bytes(end[start - 8 : start - 4], "big") - 8)
    return None


def _text(data: bytes, start: int, size: int) -> str | None:
    body = data[start : start + size]
    return body.removeprefix(_NAME).decode("latin-1") if body.startswith(_NAME) else None


def _after_first(data: bytes) -> int:
    """Offset after the first segment of a JPEG."""
    return 4 + int.from_bytes(data[4:6], "big")
