"""Sizes of the coded pictures in a HEIC or AVIF file, read from boxes and from the headers of the coded data.

The shown picture may be a small crop of one that does not fit in memory (23008-12, 6.5.9; H.265, 7.3.2.2; AV1, 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator

from cutouts.adapters.images.isobmff.items import Container, Item
from cutouts.adapters.images.limits import SMALLEST, check_size
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

_SEQUENCE = 33
"""Type of the HEVC unit that states the size."""
_AV1_SEQUENCE = 1
"""Type of the AV1 unit that states the size."""
_START = 4096
"""The sequence header is searched in this many bytes at the start of an AV1 picture."""
_MOST_SETS = 100
_FILLING = 63
"""Coded sides are padded to whole blocks, by at most this many px."""
_MOST_PASSES = 4
"""All parts together may have this many times the allowed pixels of an image: parts overlap, and alpha is a part."""


def check(container: Container, *, max_pixels: int) -> None:
    """Raise ImageRejected if a coded picture is too large, or if all parts together take too long to decode."""
    for width, height in sizes(container):
        check_size((max(width - _FILLING, SMALLEST), max(height - _FILLING, SMALLEST)), max_pixels=max_pixels)
    parts = [container.size_of(number) or (0, 0) for number in container.coded()]
    if sum(width * height for width, height in parts) > _MOST_PASSES * max_pixels:
        raise ImageRejected(RejectionReason.TOO_LARGE, f"its {len(parts)} parts take too long to decode")


def sizes(container: Container) -> Iterator[tuple[int, int]]:
    """Width and height in px of the picture and of the coded parts of it and of its alpha, before any crop."""
    for number in (container.primary, *dict.fromkeys(container.coded())):
        if (size := container.size_of(number)) is not None:
            yield size
        item = container.items.get(number, Item())
        if (place := item.properties.get(b"hvcC")) is not None:
            yield from _hevc(container.data, place)
        elif item.kind == b"av01" and item.extents:
            start, end = item.extents[0]
            if (size := _av1(container.data[start : min(end, start + _START)])) is not None:
                yield size


def _hevc(data: bytes, place: int) -> Iterator[tuple[int, int]]:
    for unit in parameter_sets(data, place):
        if len(unit) > 2 and unit[0] >> 1 & 63 == _SEQUENCE:
            yield _sequence_size(unit[2:].replace(b"\0\0\3", b"\0\0"))


def parameter_sets(data: bytes, place: int) -> Iterator[bytes]:
    """The units of the hvcC box whose body is at `place` (ISO/IEC 14496-15, 8.3.3)."""
    offset = place + 23
    for _ in range(data[place + 22]):
        count = int.from_bytes(data[offset + 1 : offset + 3], "big")
        offset += 3
        for _ in range(min(count, _MOST_SETS)):
            length = int.from_bytes(data[offset : offset + 2], "big")
            yield data[offset + 2 : offset + 2 + length]
            offset += 2 + length


class _Bits:
    """Reads bits of a byte string, the highest first. Beyond its end they are 0."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        return (self._value >> max(self._left, 0)) & ((1 << count) - 1) if self._left >= 0 else 0

    def golomb(self) -> int:
        """An unsigned number in Exp-Golomb code (H.265, 9.2)."""
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def _sequence_size(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[:200])
    bits.take(4)
    layers = bits.take(3)
    bits.take(1 + 88 + 8)  # profile, tier and level
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    bits.take(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.take(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)
    return bits.golomb(), bits.golomb()


def _av1(units: bytes) -> tuple[int, int] | None:
    """The largest frame size in the first sequence header; None if there is none, or if it has timing information."""
    offset = 0
    for _ in range(_MOST_SETS):
        if offset + 2 > len(units):
            return None
        kind, length, body = _unit(units, offset)
        if kind == _AV1_SEQUENCE:
            return _av1_size(_Bits(units[body : body + 64]))
        offset = body + length
    return None


def _unit(units: bytes, offset: int) -> tuple[int, int, int]:
    """Type, length and start of the unit at `offset` (AV1, 5.3)."""
    head = units[offset]
    place, length, shift = offset + (2 if head & 4 else 1), 0, 0
    while head & 2 and place < len(units) and shift < 56:
        length |= (units[place] & 127) << shift
        place, shift = place + 1, shift + 7
        if not units[place - 1] & 128:
            break
    return head >> 3 & 15, length if head & 2 else len(units), place


def _av1_size(bits: _Bits) -> tuple[int, int] | None:
    bits.take(3 + 1)
    if bits.take(1):
        bits.take(5)
    else:
        if bits.take(1):
            return None
        delays = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            bits.take(1 if bits.take(5) > 7 else 0)
            bits.take(4 if delays and bits.take(1) else 0)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1
