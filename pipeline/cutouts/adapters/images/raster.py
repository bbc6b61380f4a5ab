"""A picture as its file stores it, and how every reader hands it on: before colour management and turning."""

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
    """What the samples of a pixel mean. CMYK: 0 is not an ink. Lab: 16 bit, L of 65535, a + 128 and b + 128 by 256."""

    GREY = "grey"
    RGB = "RGB"
    CMYK = "CMYK"
    LAB = "Lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """What a file says about its colours: an ICC profile, or code points (H.273) of high dynamic range, or sRGB.

    `hdr` is primaries and transfer. `notes` say what was wrong with what the file says.
    """

    profile: bytes = b""
    hdr: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


SRGB = Colours()


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """Samples as stored, straight alpha (uint8 H×W, or None), and the EXIF orientation that is still to be applied."""

    samples: Samples
    space: Space
    alpha: Bytes | None = None
    colours: Colours = SRGB
    orientation: int = 1
    notes: tuple[str, ...] = ()


def eight_bit(samples: Samples) -> Bytes:
    """`samples` scaled to 8 bit, rounded to the nearest level; uint8 ones are returned as they are."""
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    return np.asarray(cv2.convertScaleAbs(samples, alpha=255 / 65535), np.uint8).reshape(samples.shape)


def spread_bits(samples: Samples, bits: int) -> Samples:
    """Samples of `bits` (1…16) stretched to the full range of 8 or 16 bit, 0 to 0 and the largest to the largest."""
    if bits in (8, 16):
        return samples
    top = (1 << bits) - 1
    full = 255 if bits < 8 else 65535
    table = ((np.arange(top + 1, dtype=np.uint32) * full + top // 2) // top).astype(np.uint8 if bits < 8 else np.uint16)
    return np.asarray(table[samples])
