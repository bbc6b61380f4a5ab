"""Unpacks zlib streams with ISA-L up to a limit, because a small stream may contain gigabytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from isal import isal_zlib

from cutouts.core.errors import CutoutsError

_BROKEN = cast("type[Exception]", isal_zlib.error)


class BrokenStreamError(CutoutsError):
    """The stream is not a zlib stream, or its checksum is wrong."""


def inflated(pieces: Iterable[bytes | memoryview], limit: int) -> tuple[bytes, bool]:
    """The unpacked stream in `pieces`, and whether it was complete, with a verified checksum.

    If it has more than `limit` B, its first `limit` + 1 are returned. Raises BrokenStreamError if it is damaged.
    """
    unpack, parts, left = isal_zlib.decompressobj(), list[bytes](), limit + 1
    try:
        for piece in pieces:
            parts.append(unpack.decompress(piece, left))
            left -= len(parts[-1])
            if left <= 0 or unpack.eof:
                break
    except _BROKEN as error:
        raise BrokenStreamError("its compressed data are damaged") from error
    return b"".join(parts), bool(unpack.eof)
