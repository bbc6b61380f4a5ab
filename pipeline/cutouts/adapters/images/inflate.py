"""zlib streams unpacked within bounds, by ISA-L; small ones may hold gigabytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from isal import isal_zlib

from cutouts.core.errors import CutoutsError

_BROKEN = cast("type[Exception]", isal_zlib.error)


class BrokenStreamError(CutoutsError):
    """The stream is not a zlib stream, or its checksum is wrong."""


def inflated(pieces: Iterable[bytes | memoryview], limit: int) -> tuple[bytes, bool]:
    """The stream that `pieces` make, and whether it is there to its end, its checksum verified.

    Of a stream longer than `limit` B the first `limit` + 1. Raises BrokenStreamError.
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
