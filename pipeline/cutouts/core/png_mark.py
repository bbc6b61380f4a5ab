"""The mark of our own PNGs: a text chunk that says what a file was made from, so no cutout is mistaken for a source."""

from __future__ import annotations

import struct
import zlib

_KEYWORD = b"cutouts"
_AFTER_HEADER = 33
"""Bytes of a PNG's signature and header chunk; the mark follows them."""
_TYPE = slice(4, 8)
MARK_BYTES = 4096
"""This many bytes from the beginning of a file contain the whole mark."""
_TEXT_BYTES = MARK_BYTES - _AFTER_HEADER - 12 - len(_KEYWORD) - 1
"""Bytes that remain for the text, without the length, type and checksum of its chunk, and the keyword."""


def marked(png: bytes, text: str) -> bytes:
    """The PNG with our tEXt chunk after its header (PNG 3rd edition, section 11.3.3.2), in Latin-1, shortened if too
    long."""
    body = b"tEXt" + _KEYWORD + b"\0" + text.encode("latin-1", "replace")[:_TEXT_BYTES]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return b"".join((png[:_AFTER_HEADER], chunk, memoryview(png)[_AFTER_HEADER:]))


def mark_of(beginning: bytes) -> str | None:
    """The text of the mark, from the first `MARK_BYTES` of a file; None if the file is not ours."""
    chunk = beginning[_AFTER_HEADER:]
    if not beginning.startswith(b"\x89PNG\r\n\x1a\n") or chunk[_TYPE] != b"tEXt":
        return None
    text = chunk[8 : 8 + struct.unpack(">I", chunk[:4])[0]]
    keyword, _, said = text.partition(b"\0")
    return said.decode("latin-1") if keyword == _KEYWORD else None
