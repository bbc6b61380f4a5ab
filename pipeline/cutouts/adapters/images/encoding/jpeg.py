"""JPEG with colours at full resolution, a profile and XMP."""

from __future__ import annotations

import struct

import simplejpeg

from cutouts.adapters.images.colour.profiles import srgb_profile
from cutouts.adapters.images.encoding.exact_white import exact_white_jpeg
from cutouts.core.pixels import Bytes

_APP1, _APP2 = 0xE1, 0xE2
_PART = 65_000
"""Bytes of a profile in one segment."""
_DENSITY = struct.pack(">BHH", 1, 300, 300)
"""300 dpi: the density that printers and some marketplaces ask for. It changes no pixel."""
_TAGS = ((0x011A, 5, 50), (0x011B, 5, 58), (0x0128, 3, 2 << 16))
"""Horizontal and vertical density, as fractions at offset 50 and 58, and their unit, inches."""
_EXIF = b"".join(
    [
        b"Exif\0\0MM\0*",
        struct.pack(">IH", 8, len(_TAGS)),
        *(struct.pack(">HHII", tag, kind, 1, value) for tag, kind, value in _TAGS),
        struct.pack(">IIIII", 0, 300, 1, 300, 1),
    ]
)
"""The same density for a file without a JFIF header, and nothing else."""


def encode_jpeg(pixels: Bytes, quality: int, *, profile: bytes, xmp: bytes, exact_white: bool = False) -> bytes:
    """A JPEG of uint8 H×W×3. With `exact_white`, pixels that are 255, 255, 255 decode to that.

    Colours are not subsampled (4:4:4), or each coloured edge would tint the ground up to 16 px away from it.
    """
    if exact_white:  # its planes are RGB, so it has no JFIF header, which would say otherwise
        data = exact_white_jpeg(pixels, quality)
        header = data[: _after_first(data)] + _segment(_APP1, _EXIF)
        return _tagged(header, data, profile=profile, xmp=xmp)
    data = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="444")
    header = data[:13] + _DENSITY + data[18 : _after_first(data)]  # JFIF: units and density follow name and version
    return _tagged(header, data, profile=profile, xmp=xmp)


def _tagged(header: bytes, data: bytes, *, profile: bytes, xmp: bytes) -> bytes:
    """The file with `header` instead of its first segment, and with a profile and XMP after it."""
    return b"".join([header, _xmp(xmp), *_profile(profile or srgb_profile()), data[_after_first(data) :]])


def _after_first(data: bytes) -> int:
    """Offset after the first segment: JFIF or Adobe."""
    return 4 + int.from_bytes(data[4:6], "big")


def _xmp(xmp: bytes) -> bytes:
    return _segment(_APP1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) if xmp else b""


def _profile(profile: bytes) -> list[bytes]:
    parts = [profile[start : start + _PART] for start in range(0, len(profile), _PART)]
    return [
        _segment(_APP2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)
    ]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
