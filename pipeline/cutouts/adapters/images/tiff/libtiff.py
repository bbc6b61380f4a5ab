"""The door to libtiff, which Pillow includes. It is only used to unpack bytes.

A block is passed as a separate TIFF whose pixels are its bytes (or, for fax, bits), so that libtiff and Pillow never
interpret layouts, colours or alpha.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from io import BytesIO
from pathlib import Path

import PIL
from PIL.TiffImagePlugin import TiffImageFile

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

_HEADER = 8


def unpacked(stored: bytes, compression: int, rows: int, row_bytes: int) -> bytes:
    """`rows`×`row_bytes` unpacked bytes. Raises ImageRejected if they are damaged."""
    return _read(stored, {258: 8, 259: compression, 262: 1, 256: row_bytes, 257: rows})


def unpacked_fax(stored: bytes, tags: dict[int, int], rows: int, width: int) -> bytes:
    """The rows of a fax, 8 pixels per byte, 0 for white as in fax codes; `tags` state the code.

    Raises ImageRejected if it is damaged.
    """
    return _read(stored, {258: 1, 262: 1, 256: width, 257: rows} | tags)


def _read(stored: bytes, tags: dict[int, int]) -> bytes:
    _silence()
    rows = tags[257]
    tags |= {273: 0, 277: 1, 278: rows, 279: len(stored)}
    tags[273] = _HEADER + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = struct.pack("<2sHIH", b"II", 42, _HEADER, len(tags)) + entries + bytes(4)
    try:
        with TiffImageFile(BytesIO(head + stored)) as image:
            image.load()
            return image.tobytes()
    except (OSError, ValueError, SyntaxError, RuntimeError) as error:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: its compressed pixels are damaged") from error


@cache
def _silence() -> None:
    """Stop libtiff from writing errors to stderr; Pillow raises the important ones as exceptions."""
    for path in (Path(PIL.__file__).parents[1] / "pillow.libs").glob("libtiff*"):
        ctypes.CDLL(str(path)).TIFFSetErrorHandler(None)
