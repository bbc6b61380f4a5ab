"""High dynamic range to sRGB: PQ and HLG (ITU-R BT.2100), with the white of BT.2408 as sRGB's white."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images.colour.codepoints import PQ, PRIMARIES
from cutouts.adapters.images.colour.profiles import BT709, encoded, xyz_of
from cutouts.adapters.images.raster import Samples
from cutouts.core.pixels import Bytes, Floats

WHITE = 203.0
"""Luminance in cd/m² that is mapped to sRGB's white: the diffuse white of BT.2408."""
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2
"""Peak luminance in cd/m² of the display that HLG is shown on, and its system gamma."""
NOTE = "a high dynamic range picture: highlights brighter than paper white are cut off"
_BAND = 1 << 18


def to_srgb(samples: Samples, primaries: int, transfer: int) -> Bytes:
    """`samples`, H×W or H×W×3, as sRGB, uint8 H×W×3. Colours beyond sRGB's white or gamut are clipped."""
    rgb = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    levels = np.linspace(0, 1, 256 if samples.dtype == np.uint8 else 65536, dtype=np.float32)
    light = _pq(levels) / np.float32(WHITE) if transfer == PQ else _hlg(levels)
    place = xyz_of(PRIMARIES[primaries], adapted=True)
    matrix = np.linalg.solve(xyz_of(BT709, adapted=True), place).astype(np.float32)
    luminance = xyz_of(PRIMARIES[primaries], adapted=False)[1].astype(np.float32)
    out = np.empty(rgb.shape, np.uint8)
    rows = max(1, _BAND // rgb.shape[1])
    for start in range(0, rgb.shape[0], rows):
        linear = np.asarray(light[rgb[start : start + rows]], np.float32)
        if transfer != PQ:
            linear = _displayed(linear, luminance)
        out[start : start + rows] = encoded(np.asarray(linear @ matrix.T, np.float32))
    return out


def _pq(stored: Floats) -> Floats:
    """Luminance in cd/m² (SMPTE ST 2084)."""
    root = stored.astype(np.float64) ** (32 / 2523)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    return np.asarray(10000 * light ** (8192 / 1305), np.float32)


def _hlg(stored: Floats) -> Floats:
    """Scene light, 0…1 (ARIB STD-B67)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.asarray(np.where(stored <= 0.5, stored**2 / 3, (np.exp((stored - c) / a) + b) / 12), np.float32)


def _displayed(scene: Floats, luminance: Floats) -> Floats:
    """Display light of HLG, relative to our white."""
    whole = np.maximum(scene @ luminance, 1e-6) ** (HLG_GAMMA - 1)
    return np.asarray(scene * whole[..., None] * (HLG_PEAK / WHITE), np.float32)
