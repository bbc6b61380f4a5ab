"""Converts the bytes of a strip or tile to samples: bits, byte order and predictor."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images.raster import Samples
from cutouts.adapters.images.tiff.layout import FORMAT, TiffFile
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_FORMATS = {2: "signed", 3: "floating point", 5: "complex", 6: "complex"}
_WHOLE = {8: "u1", 16: "u2", 32: "u4"}


def check(tiff: TiffFile) -> None:
    """Raise ImageRejected for unsupported samples, such as signed or floating point ones: their white is unknown."""
    form = tiff.page.number(FORMAT, 1)
    if form in _FORMATS:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with {_FORMATS[form]} samples ({tiff.bits} bit)")
    if tiff.bits > 16 and tiff.bits != 32:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with samples of {tiff.bits} bit")
    if tiff.predictor not in (1, 2) or (tiff.predictor == 2 and tiff.bits not in _WHOLE):
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with predictor {tiff.predictor} for {tiff.bits} bit")


def samples_of(raw: bytes, tiff: TiffFile, rows: int) -> Samples:
    """rows×width×samples of one block in the stored range; 32 bit samples are reduced to 16."""
    width, count = tiff.block[0], tiff.block_samples
    code = _WHOLE.get(tiff.bits)
    if code is None:
        return _single(np.frombuffer(raw, np.uint8).reshape(rows, -1), tiff.bits, width * count).reshape(
            rows, width, count
        )
    values = np.frombuffer(raw, tiff.page.order + code).reshape(rows, width, count)
    values = values.astype(code, copy=False)
    if tiff.predictor == 2:
        values = np.cumsum(values, axis=1, dtype=code)
    return (values >> 16).astype(np.uint16) if tiff.bits == 32 else values


def _single(rows: Bytes, bits: int, count: int) -> Samples:
    """`count` samples per row of `bits` each (1…7, 9…15), packed from the highest bit; rows start at whole bytes."""
    singles = np.unpackbits(rows, axis=1, count=count * bits).reshape(rows.shape[0], count, bits)
    values = np.zeros(singles.shape[:2], np.uint8 if bits < 8 else np.uint16)
    for place in range(bits):
        values = values << 1 | singles[..., place]
    return values
