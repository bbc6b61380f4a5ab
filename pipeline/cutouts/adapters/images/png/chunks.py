"""Reads the chunks of a PNG file (PNG, third edition): checked pixel data, and metadata within limits."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from isal import isal_zlib

from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

Chunk: TypeAlias = tuple[bytes, int, int]
"""Name, start and end of the body."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Number of channels by colour type."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ANCILLARY = 0x20
"""This bit in the first letter of a chunk's name means that the picture can be shown without the chunk."""
_SEEN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS"})
"""Chunks that pixels depend on: their checksums must be right."""
_KEPT = _SEEN | {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf", b"acTL"}
_MOST_CHUNKS = 200_000
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Left, top, and horizontal and vertical step of each pass of Adam7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PngFile:
    """The content of a file's chunks: `data` has the bodies of IDAT, `said` the first body of other known chunks.

    Sizes in px; `bits` per sample; `kind` is the colour type.
    """

    width: int
    height: int
    bits: int
    kind: int
    interlaced: bool
    data: Sequence[memoryview]
    said: dict[bytes, bytes]
    notes: tuple[str, ...]

    def passes(self) -> Iterator[tuple[int, int, tuple[int, int, int, int]]]:
        """Width and height in px of each non-empty pass, and its entry as in `PASSES`; one pass if not interlaced."""
        for place in PASSES if self.interlaced else ((0, 0, 1, 1),):
            left, top, across, down = place
            width, height = -(-(self.width - left) // across), -(-(self.height - top) // down)
            if width > 0 and height > 0:
                yield width, height, place

    def row_bytes(self, width: int) -> int:
        """Bytes of a row of `width` px, without its filter type."""
        return (width * self.bits * CHANNELS[self.kind] + 7) // 8


def parse(data: bytes) -> PngFile:
    """The chunks of `data`, which starts like a PNG. Raises ImageRejected if it is cut off, damaged or unsupported."""
    view, said = memoryview(data), dict[bytes, bytes]()
    pixels: list[memoryview] = []
    notes: list[str] = []
    for number, (name, start, end) in enumerate(_walk(data)):
        if number == 0 and name != b"IHDR":
            raise _first(name)
        if name in said and name in _SEEN:
            raise _damaged(f"it has two {name.decode()} chunks")
        if _checked(data, name, start, end, notes):
            if name == b"IDAT":
                pixels.append(view[start:end])
            elif name == b"tRNS" and pixels:
                notes.append("its transparency (tRNS) comes after its pixels: ignored")
            elif name in _KEPT:
                said.setdefault(name, data[start:end])
    if not pixels:
        raise _damaged("it has no pixels (IDAT)")
    return _png(said, pixels, notes)


def _png(said: dict[bytes, bytes], pixels: list[memoryview], notes: list[str]) -> PngFile:
    if len(said[b"IHDR"]) != 13:
        raise _damaged("its header has a wrong length")
    width, height, bits, kind, packing, filtering, interlace = struct.unpack(">IIBBBBB", said[b"IHDR"])
    if bits not in _DEPTHS.get(kind, ()) or packing or filtering or interlace > 1:
        words = f"PNG of an unknown type ({bits} bit, colour type {kind}, interlace {interlace})"
        raise ImageRejected(RejectionReason.UNSUPPORTED, words)
    if kind == 3 and not said.get(b"PLTE"):
        raise _damaged("its palette (PLTE) is missing")
    frames = int.from_bytes(said.get(b"acTL", b"")[:4], "big")
    if frames > 1:
        notes.append(f"it is animated ({frames} frames): only the first is used")
    return PngFile(
        width=width,
        height=height,
        bits=bits,
        kind=kind,
        interlaced=bool(interlace),
        data=pixels,
        said=said,
        notes=tuple(notes),
    )


def _walk(data: bytes) -> Iterator[Chunk]:
    offset = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        size, name = int.from_bytes(data[offset : offset + 4], "big"), data[offset + 4 : offset + 8]
        end = offset + 8 + size
        if end + 4 > len(data):
            raise ImageRejected(RejectionReason.TRUNCATED, "PNG: it ends before its end marker")
        yield name, offset + 8, end
        if name == b"IEND":
            return
        offset = end + 4
    raise ImageRejected(RejectionReason.TOO_LARGE, f"PNG: more than {_MOST_CHUNKS} chunks")


def _checked(data: bytes, name: bytes, start: int, end: int, notes: list[str]) -> bool:
    """Whether the chunk can be used. Raises ImageRejected if pixels depend on it and it is damaged (0.03 ms/MP)."""
    whole = isal_zlib.crc32(memoryview(data)[start - 4 : end]) == int.from_bytes(data[end : end + 4], "big")
    if name in _SEEN:
        if not whole:
            raise _damaged(f"the checksum of its {name.decode()} chunk is wrong")
        return True
    if not name[0] & _ANCILLARY:
        raise _damaged("it has an unknown critical chunk")
    if not whole and "part of its metadata is damaged: ignored" not in notes:
        notes.append("part of its metadata is damaged: ignored")
    return whole


def _first(name: bytes) -> ImageRejected:
    if name == b"CgBI":
        return ImageRejected(RejectionReason.UNSUPPORTED, "PNG in Apple's own variant (CgBI)")
    return _damaged("its header (IHDR) is not its first chunk")


def _damaged(words: str) -> ImageRejected:
    return ImageRejected(RejectionReason.DAMAGED, f"PNG: {words}")
