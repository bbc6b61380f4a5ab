"""Arrays of pixels: the decoded photograph, and the one way to shrink it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
"""uint8; H×W, H×W×3 (sRGB) or H×W×4 (sRGB, straight alpha)."""
Floats: TypeAlias = NDArray[np.float32]
"""float32; H×W, 0…1 unless said."""
Mask: TypeAlias = NDArray[np.bool_]
"""bool; H×W unless said."""
Doubles: TypeAlias = NDArray[np.float64]
"""float64; sums, curves and coordinates."""
VISIBLE = 8
"""Alpha (of 255) from which a pixel is visible. Nobody sees fainter ones, or misses as little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A decoded source: upright, converted to sRGB, 8 bit.

    `rgb` is uint8 H×W×3. `alpha` is uint8 H×W if the source had alpha that is visibly transparent somewhere, else None.
    `notes` say what a person should know about how it was read. Its pixels must not be changed.
    """

    rgb: Bytes
    alpha: Bytes | None = None
    notes: tuple[str, ...] = ()
    _copies: dict[tuple[int, int], Bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def shrunk(self, width: int, height: int) -> Bytes:
        """`shrink` of `rgb`. The network's input, the matte and its measurements need the same copies, so these and the
        halves they are made from are kept until `forget_copies`."""
        copy = self._copies.get((width, height))
        if copy is None:
            image = self.rgb
            while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
                image = self._half(image)
            copy = self._copies[width, height] = shrink(image, width, height)
        return copy

    def forget_copies(self) -> None:
        """Free what `shrunk` has kept (about 1 B per pixel)."""
        self._copies.clear()

    def _half(self, image: Bytes) -> Bytes:
        """`image`, which is `rgb` or one of its halves, halved along both axes."""
        size = image.shape[1] // 2, image.shape[0] // 2
        half = self._copies.get(size)
        if half is None:
            half = self._copies[size] = _resize(image, *size)
        return half


def size_within(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height (px) of a copy whose longer side is at most `long_side`; never enlarged, and at least 1 px."""
    scale = min(1.0, long_side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(image: Bytes, width: int, height: int) -> Bytes:
    """`image` at `width`×`height` px, antialiased: each axis is halved by 2×2 means while it is twice too long, then
    bilinear.

    A bilinear step by ½ is an exact box mean for even sizes, and about five times cheaper than area interpolation.
    Networks are trained and run with this same function. Enlarging is bilinear.
    """
    while image.shape[1] >= 2 * width or image.shape[0] >= 2 * height:
        half_width = image.shape[1] // 2 if image.shape[1] >= 2 * width else image.shape[1]
        half_height = image.shape[0] // 2 if image.shape[0] >= 2 * height else image.shape[0]
        image = _resize(image, half_width, half_height)
    return _resize(image, width, height)


def _resize(image: Bytes, width: int, height: int) -> Bytes:
    if (image.shape[1], image.shape[0]) == (width, height):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
