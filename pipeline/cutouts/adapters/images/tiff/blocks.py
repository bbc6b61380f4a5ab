"""The strips and tiles of a TIFF: their positions in the picture and their unpacked bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cutouts.adapters.images.inflate import BrokenStreamError, inflated
from cutouts.adapters.images.tiff import libtiff
from cutouts.adapters.images.tiff.layout import FILL_ORDER, TiffFile
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD, WEBP = 1, 5, 7, 8, 32946, 32773, 34925, 50000, 50001
FAX = frozenset({2, 3, 4})
_BY_LIBTIFF = frozenset({LZW, PACKBITS, LZMA, ZSTD})
_READ = FAX | _BY_LIBTIFF | {NONE, JPEG, DEFLATE, OLD_DEFLATE, WEBP}
_NAMES = {6: "old JPEG", 32809: "ThunderScan", 33003: "JPEG 2000", 33005: "JPEG 2000", 34661: "JBIG", 34676: "SGI Log"}
_NAMES |= {32908: "Pixar", 32909: "PixarLog", 34677: "SGI Log", 34712: "JPEG 2000", 34887: "LERC", 50002: "JPEG XL"}
_MOST_BLOCKS = 100_000
"""Each block is unpacked separately; more of them would occupy a worker for many seconds."""
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

Area: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height in px of the part of the picture that a block shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One strip or tile: `plane` is the sample that it contains (0 if all), `rows` the number of stored rows."""

    plane: int
    place: Area
    rows: int
    stored: bytes


def check(tiff: TiffFile) -> None:
    """Raise ImageRejected if the compression is not supported, or if there are too many or too few blocks."""
    if tiff.compression not in _READ:
        name = _NAMES.get(tiff.compression, f"number {tiff.compression}")
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with a compression that is not supported ({name})")
    across, down = _grid(tiff)
    needed = across * down * (tiff.samples if tiff.separate else 1)
    if needed > _MOST_BLOCKS:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"TIFF: {needed} strips or tiles, {_MOST_BLOCKS} are allowed")
    if len(tiff.offsets) < needed:
        raise ImageRejected(RejectionReason.DAMAGED, f"TIFF: it has {len(tiff.offsets)} of {needed} strips or tiles")
    if tiff.compression != NONE and len(tiff.counts) < needed:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: the sizes of its strips or tiles are missing")


def blocks(tiff: TiffFile) -> Iterator[Block]:
    """All blocks of the picture with their bytes as stored, bits in the usual order. Raises ImageRejected."""
    across, down = _grid(tiff)
    reverse = tiff.page.number(FILL_ORDER, 1) == 2 and tiff.compression not in FAX | {JPEG, WEBP}
    for plane in range(tiff.samples if tiff.separate else 1):
        for number in range(across * down):
            left, top = number % across * tiff.block[0], number // across * tiff.block[1]
            height = min(tiff.block[1], tiff.height - top)
            rows = tiff.block[1] if tiff.tiled else height
            stored = _stored(tiff, plane * across * down + number, rows)
            yield Block(
                plane=plane,
                place=(left, top, min(tiff.block[0], tiff.width - left), height),
                rows=rows,
                stored=stored.translate(_REVERSED) if reverse else stored,
            )


def unpacked(tiff: TiffFile, block: Block) -> bytes:
    """The bytes of exactly the rows of a block, whose compression works on bytes, not pixels. Raises ImageRejected."""
    needed = block.rows * tiff.row_bytes()
    if tiff.compression == NONE:
        whole = block.stored
    elif tiff.compression in (DEFLATE, OLD_DEFLATE):
        whole = _inflated(block.stored, tiff.block[1] * tiff.row_bytes())  # the last strip may have all rows
    else:
        whole = libtiff.unpacked(block.stored, tiff.compression, block.rows, tiff.row_bytes())
    if len(whole) < needed:
        raise ImageRejected(RejectionReason.TRUNCATED, "TIFF: a strip or tile ends too early")
    return whole[:needed]


def _grid(tiff: TiffFile) -> tuple[int, int]:
    return -(-tiff.width // tiff.block[0]), -(-tiff.height // tiff.block[1])


def _stored(tiff: TiffFile, number: int, rows: int) -> bytes:
    offset, whole = tiff.offsets[number], rows * tiff.row_bytes()
    count = tiff.counts[number] if number < len(tiff.counts) else whole
    if tiff.compression == NONE:
        count = max(count, whole)  # some programs state too few although the bytes are there
    if not count or offset + count > len(tiff.page.data):
        raise ImageRejected(RejectionReason.TRUNCATED, "TIFF: it ends before its last strip or tile")
    return tiff.page.data[offset : offset + count]


def _inflated(stored: bytes, largest: int) -> bytes:
    """At most `largest` unpacked bytes. Raises ImageRejected if there are more, because the codes must be damaged."""
    try:
        whole, _ = inflated([stored], largest)
    except BrokenStreamError as error:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: its compressed pixels are damaged") from error
    if len(whole) > largest:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: a strip or tile holds too many pixels")
    return whole
