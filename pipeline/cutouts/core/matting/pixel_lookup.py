"""Reads a small plane at single pixels of the source, so that work at full size is done only for the pixels that need
it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.pixels import Floats, Mask

Indices: TypeAlias = NDArray[np.intp]
"""Flat indices of pixels of the source, row by row."""

_BLOCK = 1 << 14
"""Pixels processed at a time: their arrays fit into the cache, and memory does not grow with the photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlarged:
    """A small plane of up to four channels, read as if it were enlarged bilinearly to the source's size."""

    small: Floats
    columns: Floats
    rows: Floats

    @classmethod
    def to(cls, width: int, height: int, small: Floats) -> Enlarged:
        """`small`, float32 h×w×C, enlarged to `width`×`height` px."""
        columns, rows = _axis(width, small.shape[1]), _axis(height, small.shape[0])
        return cls(small=small, columns=columns, rows=rows)

    def at(self, pixels: Indices) -> Floats:
        """Its values at `pixels`, float32 n×C; positions are rounded to 1/32 of a small pixel by OpenCV."""
        y = pixels // self.columns.size
        x = pixels - y * self.columns.size
        where = self.columns.take(x)[None], self.rows.take(y)[None]
        values = cv2.remap(self.small, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(values, np.float32).reshape(pixels.size, -1)


def blocks(mask: Mask) -> Iterator[Indices]:
    """The pixels of `mask`, H×W, some thousands at a time."""
    pixels = np.flatnonzero(mask)
    for start in range(0, pixels.size, _BLOCK):
        yield pixels[start : start + _BLOCK]


def _axis(size: int, small: int) -> Floats:
    """The position in the small plane of each pixel along one axis of the source, as in `cv2.resize`."""
    return ((np.arange(size) + 0.5) * (small / size) - 0.5).astype(np.float32)
