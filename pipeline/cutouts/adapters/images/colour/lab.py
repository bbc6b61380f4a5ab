"""Converts CIE Lab, relative to D50 as in printing, to sRGB (CIE 15; ICC.1:2022, annex A)."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images.colour.profiles import BT709, D50, encoded, xyz_of
from cutouts.adapters.images.raster import Samples
from cutouts.core.pixels import Bytes, Floats

_BAND = 1 << 18


def to_srgb(samples: Samples) -> Bytes:
    """`samples`, uint16 H×W×3 as in `Space.LAB`, as sRGB, uint8 H×W×3. Colours outside its gamut are clipped."""
    matrix = np.linalg.inv(xyz_of(BT709, adapted=True)).astype(np.float32)
    out = np.empty(samples.shape, np.uint8)
    rows = max(1, _BAND // samples.shape[1])
    for start in range(0, samples.shape[0], rows):
        out[start : start + rows] = encoded(_xyz(samples[start : start + rows]) @ matrix.T)
    return out


def _xyz(samples: Samples) -> Floats:
    light = samples[..., 0].astype(np.float32) / np.float32(655.35)
    a, b = (samples[..., place].astype(np.float32) / np.float32(256) - np.float32(128) for place in (1, 2))
    y = (light + 16) / 116
    roots = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    linear = np.where(roots > 6 / 29, roots**3, 3 * (6 / 29) ** 2 * (roots - 4 / 29))
    return np.asarray(linear * D50, np.float32)
