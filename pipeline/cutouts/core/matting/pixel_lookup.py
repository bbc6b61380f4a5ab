"""Reads a small plane at single pixels of the source, so that work at full size is done only for the pixels that need
it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cutouts.core.pixels import Bytes, Floats, Mask

Indices: TypeAlias = NDArray[np.intp]
"""Flat indices of pixels of the source, row by row."""
Part: TypeAlias = tuple[slice, slice]
"""The rows and the columns of a rectangle."""

_WHOLE = slice(None), slice(None)
_BLOCK = 1 << 14
"""Pixels processed at a time: their arrays fit into the cache, and memory does not grow with the photograph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enlarged:
    """Small planes of equal size with up to four channels each, read as if they were enlarged bilinearly to a part of
    the source."""

    planes: tuple[Floats, ...]
    columns: Floats
    rows: Floats

    @classmethod
    def to(cls, shape: tuple[int, ...], *planes: Floats, part: Part = _WHOLE) -> Enlarged:
        """`planes`, float32 h×w×C, enlarged to `part` of a source of that shape (H, W); only pixels of the part may be
        looked up."""
        height, width = planes[0].shape[:2]
        return cls(planes=planes, rows=_axis(shape[0], part[0], height), columns=_axis(shape[1], part[1], width))

    def at(self, pixels: Indices) -> list[Floats]:
        """The values of each plane at `pixels` of the source, float32 n×C; positions are rounded to 1/32 of a small
        pixel by OpenCV."""
        y = pixels // self.columns.size
        x = pixels - y * self.columns.size
        where = self.columns.take(x)[None], self.rows.take(y)[None]
        return [_values(plane, *where) for plane in self.planes]


def around(mask: Bytes, margin: int) -> Part:
    """The rectangle of the pixels of `mask` that are not 0, and `margin` more pixels on each side."""
    return widened(cv2.boundingRect(mask), margin)


def widened(box: Sequence[int], margin: int) -> Part:
    """The rectangle `box` (left, top, width, height), and `margin` more pixels on each side."""
    left, top, width, height = box
    return slice(max(0, top - margin), top + height + margin), slice(max(0, left - margin), left + width + margin)


def blocks(pixels: Indices) -> Iterator[Indices]:
    """The `pixels`, some thousands at a time."""
    for start in range(0, pixels.size, _BLOCK):
        yield pixels[start : start + _BLOCK]


def enlarged_pixels(mask: Mask, width: int, height: int) -> Indices:
    """The pixels of `mask`, h×w, if it were enlarged to `width`×`height` px without interpolation. It is not enlarged:
    the time is proportional to the number of these pixels."""
    rows = np.arange(height) * mask.shape[0] // height
    edges = -(-np.arange(mask.shape[1] + 1) * width // mask.shape[1])
    begins, ends = _runs(mask)
    last = begins.searchsorted(np.arange(1, mask.shape[0] + 1) * edges.size)
    counts = np.diff(last, prepend=0)
    in_rows = counts[rows]
    run = _ranges((last - counts)[rows], in_rows)
    first, after = edges[begins % edges.size], edges[ends % edges.size]
    return _ranges(np.repeat(np.arange(height) * width, in_rows) + first[run], (after - first)[run])


def _runs(mask: Mask) -> tuple[Indices, Indices]:
    """Where the runs of True in the rows of `mask`, h×w, begin and have ended, as flat indices of h×(w + 1)."""
    height, width = mask.shape
    flat = np.zeros(1 + height * (width + 1), np.bool_)  # False at the beginning, and at the end of each row
    flat[1:].reshape(height, width + 1)[:, :-1] = mask
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return changes[::2], changes[1::2]


def _ranges(begins: Indices, lengths: Indices) -> Indices:
    """`lengths[i]` numbers from `begins[i]` on, for all i one after the other."""
    ends = lengths.cumsum()
    return np.repeat(begins - ends + lengths, lengths) + np.arange(lengths.sum())


def _values(plane: Floats, columns: Floats, rows: Floats) -> Floats:
    values = cv2.remap(plane, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float32).reshape(columns.size, -1)


def _axis(size: int, part: slice, small: int) -> Floats:
    """The position in the small plane of each pixel along one axis of the source, as in `cv2.resize`; 0 outside the
    part."""
    begin, end, _ = part.indices(size)
    positions = np.zeros(size, np.float32)
    positions[begin:end] = (np.arange(end - begin) + 0.5) * (small / (end - begin)) - 0.5
    return positions
