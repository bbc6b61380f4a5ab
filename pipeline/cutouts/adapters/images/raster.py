"""A picture as its file stores it. Every reader returns this, before colour management and orientation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.pixels import Bytes

Samples: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16, full range; H×W for grey, H×W×3 for RGB and Lab, H×W×4 for CMYK."""


class Space(StrEnum):
    """The colour space of samples. CMYK: 0 is no ink. Lab: 16 bit; L = 100 is 65535, a and b are (x + 128) · 256."""

    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """The colours that a file states: an ICC profile, or code points (H.273) of high dynamic range, or sRGB.

    `hdr` is primaries and transfer. `notes` list problems with the stated colours.
    """

    profile: bytes = b""
    hdr: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


SRGB = Colours()


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """Samples as stored, straight alpha (uint8 H×W, or None), and the EXIF orientation, which is not applied yet."""

    samples: Samples
    space: Space
    alpha: Bytes | None = None
    colours: Colours = SRGB
    orientation: int = 1
    notes: tuple[str, ...] = ()


def eight_bit(samples: Samples) -> Bytes:
    """`samples` scaled to 8 bit, rounded to the nearest level; uint8 samples are returned unchanged."""
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    return np.asarray(cv2.convertScaleAbs(samples, alpha=255 / 65535), np.uint8).reshape(samples.shape)


def spread_bits(samples: Samples, bits: int) -> Samples:
    """Samples of `bits` (1…16) scaled to the full range of 8 or 16 bit: 0 stays 0, and the maximum the maximum."""
    if bits in (8, 16):
        return samples
    top = (1 << bits) - 1
    full = 255 if bits < 8 else 65535
    table = ((np.arange(top + 1, dtype=np.uint32) * full + top // 2) // top).astype(np.uint8 if bits < 8 else np.uint16)
    return np.asarray(table[samples])
