"""Tiny pictures, profiles and damaged files for the tests of the image adapter."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener

from cutouts.core.pixels import Bytes

register_heif_opener()


def scene(width: int = 64, height: int = 48) -> Bytes:
    """A smooth colourful picture with four different corners; uint8 H×W×3."""
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.asarray(cv2.normalize(smooth, smooth, 10, 245, cv2.NORM_MINMAX), np.uint8)


def written(picture: Image.Image | Bytes, form: str, **options: Any) -> bytes:
    """The bytes of a file of Pillow's format `form`."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    target = BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block that states only the orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def srgb() -> bytes:
    """lcms2's own sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


CURVES = {
    "gamma": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0",
    "linear": b"curv\0\0\0\0" + struct.pack(">I", 0),
    "table": b"curv\0\0\0\0" + struct.pack(">I", 64) + b"".join(struct.pack(">H", n * n * 16) for n in range(64)),
    "parametric 0": b"para\0\0\0\0" + struct.pack(">HHi", 0, 0, round(1.8 * 65536)),
    "parametric 1": b"para\0\0\0\0" + struct.pack(">HH3i", 1, 0, 2 * 65536, 68000, -2464),
    "parametric 2": b"para\0\0\0\0" + struct.pack(">HH4i", 2, 0, 2 * 65536, 64000, -1000, 1536),
    "parametric 3": b"para\0\0\0\0" + struct.pack(">HH5i", 3, 0, 157286, 62119, 3417, 5072, 2651),
    "parametric 4": b"para\0\0\0\0" + struct.pack(">HH7i", 4, 0, 157286, 62119, 3417, 5072, 2651, 0, 0),
}
"""Tone curves as ICC tags, one of each kind; parametric 3 and 4 are sRGB's."""


def display_p3(curve: bytes = CURVES["gamma"]) -> bytes:
    """A matrix profile with the primaries of Display P3 (adapted to D50), by default a pure power curve of 2.2."""
    columns = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    tags = {name: b"XYZ \0\0\0\0" + _fixed(xyz) for name, xyz in columns.items()}
    tags |= {b"wtpt": b"XYZ \0\0\0\0" + _fixed((0.9642, 1.0, 0.8249))}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", tags)


def grey_gamma(gamma: float) -> bytes:
    """A grey profile with a pure power curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return _profile(b"GRAY", {b"wtpt": b"XYZ \0\0\0\0" + _fixed((0.9642, 1.0, 0.8249)), b"kTRC": curve})


def cmyk() -> bytes:
    """A CMYK profile by a look-up table (lut8, one grid cell per axis) to Lab: paper to black, inks that mix oddly."""
    grid = 2
    inks = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = 100 * (1 - 0.3 * inks[:, 0]) * (1 - 0.4 * inks[:, 1]) * (1 - 0.1 * inks[:, 2]) * (1 - 0.9 * inks[:, 3])
    a = 60 * inks[:, 1] - 40 * inks[:, 0]
    b = 80 * inks[:, 2] - 50 * inks[:, 0]
    lab = np.stack([light * 2.55, a + 128, b + 128], axis=-1).clip(0, 255).round().astype(np.uint8)
    matrix = _fixed((1, 0, 0, 0, 1, 0, 0, 0, 1))
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, grid, 0]) + matrix + identity * 4 + lab.tobytes() + identity * 3
    return _profile(b"CMYK", {b"A2B0": table, b"A2B1": table, b"wtpt": b"XYZ \0\0\0\0" + _fixed((0.9642, 1, 0.8249))})


def _fixed(values: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC version 2 profile of these tags (ICC.1:2001-04)."""
    kind, pcs = (b"prtr", b"Lab ") if space == b"CMYK" else (b"mntr", b"XYZ ")
    header_size, directory, body = 128, b"", b""
    start = header_size + 4 + 12 * len(tags)
    for name, tag in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02400000, kind, space, pcs)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed((0.9642, 1.0, 0.8249))
    return header.ljust(header_size, b"\0") + struct.pack(">I", len(tags)) + directory + body
