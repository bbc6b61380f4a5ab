"""The header of a BMP: Windows' versions 3 to 5 and OS/2's 1 and 2 (wingdi.h, BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cutouts.adapters.images.colour import colours_of_gamma
from cutouts.adapters.images.raster import SRGB, Colours
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

_FILE_HEADER = 14
RGB, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 0, 1, 2, 3, 6
_OTHER_PACKINGS = {4: "JPEG", 5: "PNG", 11: "CMYK", 12: "CMYK", 13: "CMYK"}
_PLAIN_MASKS = {16: (0x7C00, 0x03E0, 0x001F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_OS2 = frozenset({16, 64})
_CALIBRATED, _LINKED, _EMBEDDED = 0, b"KNIL", b"DEBM"
"""How versions 4 and 5 state colours: end points and gamma, a profile's path, or a profile in the file."""
_LARGEST_PROFILE = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BmpHeader:
    """Sizes in px; `masks` for red, green, blue and alpha; `palette` entries have `entry` bytes, starting with b, g, r.

    `pixels` is the offset of the first row.
    """

    width: int
    height: int
    from_top: bool
    bits: int
    packing: int
    masks: tuple[int, int, int, int]
    palette: bytes
    entry: int
    pixels: int
    colours: Colours

    @property
    def stride(self) -> int:
        """Bytes per row."""
        return (self.bits * self.width + 31) // 32 * 4


def parse(data: bytes) -> BmpHeader:
    """The header of `data`, which is a BMP. Raises ImageRejected if it is cut off, invalid or unsupported."""
    try:
        return _parse(data)
    except struct.error as error:
        raise ImageRejected(RejectionReason.TRUNCATED, "BMP: it ends in its header") from error


def _parse(data: bytes) -> BmpHeader:
    size = int.from_bytes(data[14:18], "little")
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = used = 0
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        packing, used = (0, 0) if size == 16 else (_number(data, 30), _number(data, 46))
    _check(size, bits, packing)
    masks, behind = _masks(data, size, bits, packing)
    pixels = int.from_bytes(data[10:14], "little")
    entry = 3 if size == 12 else 4
    count = min(used or 1 << bits, 256) if bits <= 8 else 0
    start = _FILE_HEADER + size + behind
    palette = data[start : max(start, min(start + count * entry, pixels or len(data)))]
    return BmpHeader(
        width=width,
        height=abs(height),
        from_top=height < 0,
        bits=bits,
        packing=packing,
        masks=masks,
        palette=palette[: len(palette) // entry * entry],
        entry=entry,
        pixels=max(pixels, start),
        colours=_colours(data, size),
    )


def _check(size: int, bits: int, packing: int) -> None:
    if size in _OS2 and packing in (3, 4):
        raise ImageRejected(RejectionReason.UNSUPPORTED, "BMP of OS/2, with its own compression (Huffman or RLE24)")
    if packing in _OTHER_PACKINGS:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"BMP that holds {_OTHER_PACKINGS[packing]} data")
    known = {RGB: (1, 2, 4, 8, 16, 24, 32), RLE8: (8,), RLE4: (4,), FIELDS: (16, 32), ALPHA_FIELDS: (16, 32)}
    if bits not in known.get(packing, ()):
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"BMP of an unknown type ({bits} bit, compression {packing})")


def _masks(data: bytes, size: int, bits: int, packing: int) -> tuple[tuple[int, int, int, int], int]:
    """The masks, and how many of their bytes are between header and palette."""
    if packing not in (FIELDS, ALPHA_FIELDS):
        return _PLAIN_MASKS.get(bits, (0, 0, 0, 0)), 0
    count = 4 if packing == ALPHA_FIELDS or size >= 56 else 3
    red, green, blue, *alpha = struct.unpack_from(f"<{count}I", data, _FILE_HEADER + 40)
    masks = red, green, blue, (alpha[0] if alpha else 0)
    if not all(masks[:3]) or any(mask >> bits or not _is_run(mask) for mask in masks) or _overlap(masks):
        raise ImageRejected(RejectionReason.DAMAGED, "BMP: its colour masks are invalid")
    return masks, 4 * count if size == 40 else 0


def _is_run(mask: int) -> bool:
    """Whether the set bits are adjacent."""
    return mask == 0 or ((mask // (mask & -mask) + 1) & (mask // (mask & -mask))) == 0


def _overlap(masks: tuple[int, ...]) -> bool:
    return sum(masks) != masks[0] | masks[1] | masks[2] | masks[3]


def _colours(data: bytes, size: int) -> Colours:
    if size < 108:
        return SRGB
    kind = data[70:74]
    if size >= 124 and kind == _EMBEDDED:
        offset, length = struct.unpack_from("<II", data, 126)
        profile = data[_FILE_HEADER + offset : _FILE_HEADER + offset + min(length, _LARGEST_PROFILE)]
        return Colours(profile=profile or b"-")
    if kind == _LINKED:
        return Colours(notes=("its colour profile is in another file, which is not opened: treated as sRGB",))
    return _calibrated(data) if int.from_bytes(kind, "little") == _CALIBRATED else SRGB


def _calibrated(data: bytes) -> Colours:
    """The colours of end points as XYZ (2.30 fixed point) and gamma (16.16). Programs without this data write zeros."""
    ends = [[value / (1 << 30) for value in struct.unpack_from("<3I", data, 74 + 12 * index)] for index in range(3)]
    gamma = sum(struct.unpack_from("<3I", data, 110)) / 3 / 65536
    if not all(sum(end) > 0 for end in ends) or gamma <= 0:
        return SRGB
    white = [sum(values) for values in zip(*ends, strict=True)]
    red, green, blue, place = ((x / (x + y + z), y / (x + y + z)) for x, y, z in (*ends, white))
    return colours_of_gamma(1 / gamma if gamma > 1 else gamma, (red, green, blue, place))


def _number(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])
