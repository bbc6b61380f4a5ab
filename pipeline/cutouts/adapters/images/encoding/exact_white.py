"""A JPEG whose white pixels are exactly 255 for every decoder, beside the edges of a product, too.

A block of 8×8 px that shows an edge rings when it is quantised, so white beside the edge becomes 250 or so. Decoders
clip at 255. Therefore white is written brighter than 255: the contrast of the picture is halved before it is encoded,
which leaves room above white, and the quantisation tables in the file are doubled, which restores it. Each of red,
green and blue is a plane of its own, because a decoder clips brightness before it adds colour (ITU-T T.81, T.871).
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import simplejpeg
from PIL import Image

from cutouts.core.pixels import Bytes, Mask

_WHITE, _MIDDLE = 255, 128
_BRIGHTER = (12, 24, 48, 96)
"""How far above 255 white is written (levels): the first that suffices, since a higher one makes the file larger."""
_RESERVE = 8
"""Levels that are added, because decoders round differently."""
_DQT, _SOS = 0xDB, 0xDA
_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of brightness (ITU-T T.81, table K.1)."""


def exact_white_jpeg(pixels: Bytes, quality: int) -> bytes:
    """A JPEG of uint8 H×W×3 in which every pixel that is 255, 255, 255 decodes to that, if that is possible.

    It is checked by decoding it. At qualities below about 30 single pixels may be darker.
    """
    white = np.asarray((pixels == _WHITE).all(axis=2), np.bool_)
    data = b""
    for more in _BRIGHTER:
        if _is_exact(_encoded(pixels, white, quality, more), white):
            data = _encoded(pixels, white, quality, more + _RESERVE)
            if _is_exact(data, white):
                return data
    return data or _encoded(pixels, white, quality, _BRIGHTER[-1])


def _is_exact(data: bytes, white: Mask) -> bool:
    return bool((simplejpeg.decode_jpeg(data, colorspace="RGB")[white] == _WHITE).all())


def _encoded(pixels: Bytes, white: Mask, quality: int, more: int) -> bytes:
    """The JPEG in which white is `_WHITE + more`. Levels are rounded to even numbers, far below the error of a JPEG."""
    levels = np.arange(_WHITE + 1)
    half = np.rint(_MIDDLE + (levels - _MIDDLE) / 2).astype(np.uint8)[pixels]
    half[white] = round(_MIDDLE + (_WHITE + more - _MIDDLE) / 2)
    stream = BytesIO()
    Image.fromarray(half).save(stream, "JPEG", qtables=[_half_table(quality)], keep_rgb=True, subsampling=0)
    return _doubled(stream.getvalue())


def _half_table(quality: int) -> list[int]:
    """Half of the table that libjpeg uses for a quality."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = np.clip((np.array(_TABLE).ravel() * scale + 50) // 100, 1, 255)
    halves: list[int] = np.clip((table + 1) // 2, 1, 127).tolist()
    return halves


def _doubled(data: bytes) -> bytes:
    """The file with each step of its quantisation tables (8 bits) doubled."""
    file, at = bytearray(data), 2
    while file[at + 1] != _SOS:
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if file[at + 1] == _DQT:
            for table in range(at + 4, end, 65):
                for place in range(table + 1, table + 65):
                    file[place] *= 2
        at = end
    return bytes(file)
