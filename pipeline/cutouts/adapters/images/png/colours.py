"""Reads the colours that a PNG states, in order of precedence: cICP, iCCP, sRGB, then cHRM and gAMA."""

from __future__ import annotations

import struct
from dataclasses import replace

from cutouts.adapters.images.colour import colours_of_code_points, colours_of_gamma
from cutouts.adapters.images.inflate import BrokenStreamError, inflated
from cutouts.adapters.images.png.chunks import PngFile
from cutouts.adapters.images.raster import SRGB, Colours
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

LARGEST_PROFILE = 16 << 20
"""Size limit in B. The largest profiles in use, for printing presses, have 4 MB."""
_BROKEN_PROFILE = "its colour profile is broken: treated as sRGB"
_LARGE_PROFILE = f"its colour profile is larger than {LARGEST_PROFILE >> 20} MiB: treated as sRGB"


_UNUSABLE_CODE_POINTS = "its cICP chunk is invalid and was ignored: its colours may be off"


def colours_of(png: PngFile) -> Colours:
    """The colours of the picture; sRGB if none are stated. Raises ImageRejected for narrow-range samples."""
    if (body := png.said.get(b"cICP")) is None:
        return _without_code_points(png)
    primaries, transfer, matrix, full = body if len(body) == 4 else (2, 2, 0, 1)
    if not full:
        raise ImageRejected(RejectionReason.UNSUPPORTED, "PNG of narrow range (cICP)")
    if not matrix and 2 not in (primaries, transfer):
        return colours_of_code_points(primaries, transfer)
    said = _without_code_points(png)
    return replace(said, notes=(*said.notes, _UNUSABLE_CODE_POINTS))


def _without_code_points(png: PngFile) -> Colours:
    if (body := png.said.get(b"iCCP")) is not None:
        return _of_profile(body)
    return SRGB if b"sRGB" in png.said else _of_gamma(png)


def _of_profile(body: bytes) -> Colours:
    name, _, packed = body.partition(b"\0")
    if not 1 <= len(name) <= 79 or packed[:1] != b"\0":
        return Colours(notes=(_BROKEN_PROFILE,))
    try:
        profile, whole = inflated([packed[1:]], LARGEST_PROFILE)
    except BrokenStreamError:
        return Colours(notes=(_BROKEN_PROFILE,))
    if len(profile) > LARGEST_PROFILE:
        return Colours(notes=(_LARGE_PROFILE,))
    return Colours(profile=profile) if whole else Colours(notes=(_BROKEN_PROFILE,))


def _of_gamma(png: PngFile) -> Colours:
    gamma, places = png.said.get(b"gAMA", b""), png.said.get(b"cHRM", b"")
    if len(gamma) != 4 and len(places) != 32:
        return SRGB
    power = int.from_bytes(gamma, "big") / 100_000 if len(gamma) == 4 else None
    if len(places) != 32:
        return colours_of_gamma(power, None)
    white_x, white_y, *rest = (value / 100_000 for value in struct.unpack(">8I", places))
    red, green, blue = zip(rest[::2], rest[1::2], strict=True)
    return colours_of_gamma(power, (red, green, blue, (white_x, white_y)))
