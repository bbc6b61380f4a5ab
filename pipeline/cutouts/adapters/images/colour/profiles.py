"""Makes ICC profiles from primaries, a white point and a tone curve (ICC.1:2022), for files that state only these."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cutouts.adapters.images.raster import SRGB, Colours
from cutouts.core.pixels import Bytes

Point: TypeAlias = tuple[float, float]
Primaries: TypeAlias = tuple[Point, Point, Point, Point]
"""Chromaticities x, y of red, green, blue and white."""

BT709: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
D50 = np.array([0.9642, 1.0, 0.8249])
"""XYZ of the white that profiles are relative to."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CURVE = struct.pack(">4sIHH5i", b"para", 0, 3, 0, 157286, 62119, 3417, 5072, 2651)
_USUAL_GAMMA = (0.44, 0.47)
"""The range of gamma that programs write for sRGB, which has no single gamma: 1/2.2 = 0.45455, sometimes rounded."""
_SAME_PLACE = 0.002
"""Chromaticities closer than this count as equal. Files state them with five digits; programs round them."""


def colours_of_gamma(gamma: float | None, primaries: Primaries | None) -> Colours:
    """The colours of an image that states the exponent of its encoding (about 1/2.2), its primaries, or both.

    1/2.2 with sRGB's primaries is sRGB, as in all common viewers.
    """
    place = primaries or BT709
    if not _usable(place) or (gamma is not None and not 0.1 <= gamma <= 10):
        return Colours(notes=("its colour information (cHRM, gAMA) is invalid: treated as sRGB",))
    usual = gamma is None or _USUAL_GAMMA[0] <= gamma <= _USUAL_GAMMA[1]
    if usual and np.abs(np.array(place) - np.array(BT709)).max() < _SAME_PLACE:
        return SRGB
    return Colours(profile=matrix_profile(place, None if usual or gamma is None else 1 / gamma))


def encoded(light: NDArray[np.floating[Any]]) -> Bytes:
    """Linear light, in which 1 is white, as uint8 sRGB (IEC 61966-2-1). Values beyond 0…1 are clipped."""
    light = np.clip(light, 0, 1)
    stored = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((stored * 255).round(), np.uint8)


def matrix_profile(primaries: Primaries, gamma: float | None) -> bytes:
    """An RGB profile with these primaries. `gamma` is the exponent of its tone curve; None means sRGB's curve."""
    curve = _SRGB_CURVE if gamma is None else struct.pack(">4sIHHi", b"para", 0, 0, 0, round(gamma * 65536))
    columns = xyz_of(primaries, adapted=True).T
    tags = {name: b"XYZ \0\0\0\0" + _fixed(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _fixed(D50)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(tags)


@cache
def srgb_profile() -> bytes:
    """The profile of sRGB that pictures of ours contain: 500 B, the same at every call."""
    curve = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _SRGB_CURVE)
    columns = xyz_of(BT709, adapted=True).T
    tags = {b"desc": _words("sRGB"), b"cprt": _words("CC0"), b"wtpt": b"XYZ \0\0\0\0" + _fixed(D50)}
    tags |= {
        name: b"XYZ \0\0\0\0" + _fixed(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)
    }
    return _profile(tags | curve)


def _words(text: str) -> bytes:
    """A text in one language (multiLocalizedUnicodeType)."""
    words = text.encode("utf-16-be")
    return struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(words), 28) + words


def xyz_of(primaries: Primaries, *, adapted: bool) -> NDArray[np.float64]:
    """float64 3×3: the XYZ of red, green and blue in columns, white at Y = 1. If `adapted`: to D50, by Bradford."""
    points = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = points[:, 3]
    matrix = points[:, :3] * np.linalg.solve(points[:, :3], white)
    if not adapted:
        return np.asarray(matrix, np.float64)
    scale = np.diag((_BRADFORD @ D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.solve(_BRADFORD, scale @ _BRADFORD) @ matrix, np.float64)


def _usable(primaries: Primaries) -> bool:
    """Whether the primaries span a triangle that contains the white point, so that they define a matrix."""
    if not all(-1 < x < 1.5 and 0.001 < y < 1.5 for x, y in primaries):
        return False
    (red, green, blue, white) = (np.array(point) for point in primaries)
    area = np.linalg.det(np.array([green - red, blue - red]))
    if abs(area) < 1e-3:
        return False
    share = np.linalg.solve(np.array([green - red, blue - red]).T, white - red)
    return bool((share > 0).all() and share.sum() < 1)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _profile(tags: dict[bytes, bytes]) -> bytes:
    start = 132 + 12 * len(tags)
    directory, body = b"", b""
    for name, tag in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x04400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body
