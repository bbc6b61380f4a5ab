"""JPEG with colours at full resolution, a profile and XMP."""

from __future__ import annotations

import struct

import simplejpeg

from cutouts.adapters.images.colour.profiles import srgb_profile
from cutouts.core.pixels import Bytes

_APP1, _APP2 = 0xE1, 0xE2
_PART = 65_000
"""Bytes of a profile in one segment."""
_DENSITY = struct.pack(">BHH", 1, 300, 300)
"""300 dpi: the density that printers and some market places ask for. It changes no pixel."""


def encode_jpeg(pixels: Bytes, quality: int, *, profile: bytes, xmp: bytes) -> bytes:
    """A JPEG of uint8 H×W×3.

    Colours are not subsampled (4:4:4), or each coloured edge would tint the ground up to 16 px away from it.
    """
    data = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="444")
    after = 4 + int.from_bytes(data[4:6], "big")
    header = data[:13] + _DENSITY + data[18:after]  # JFIF: units and density follow its name and version
    return b"".join([header, _xmp(xmp), *_profile(profile or srgb_profile()), data[after:]])


def _xmp(xmp: bytes) -> bytes:
    return _segment(_APP1, b"http://ns.adobe.com/xap/1.0/\0" + xmp) if xmp else b""


def _profile(profile: bytes) -> list[bytes]:
    parts = [profile[start : start + _PART] for start in range(0, len(profile), _PART)]
    return [
        _segment(_APP2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part) for number, part in enumerate(parts, 1)
    ]


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
