"""Decodes strips and tiles that are complete images: JPEG, WebP and fax."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images import jpeg
from cutouts.adapters.images.raster import Samples
from cutouts.adapters.images.tiff import libtiff
from cutouts.adapters.images.tiff.blocks import FAX, JPEG, WEBP, Block
from cutouts.adapters.images.tiff.layout import COMPRESSION, FILL_ORDER, TiffFile
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason

CODED = FAX | {JPEG, WEBP}
_TABLES, _T4_OPTIONS, _T6_OPTIONS = 347, 292, 293
_YCC = 6
_FILLING = 63


def samples_of(tiff: TiffFile, block: Block) -> Samples:
    """rows×width×samples of one block in the stored range. Raises ImageRejected."""
    if tiff.compression in FAX:
        part = _fax(tiff, block)
    elif tiff.bits != 8:
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with JPEG or WebP of {tiff.bits} bit")
    else:
        part = _jpeg(tiff, block) if tiff.compression == JPEG else _webp(tiff, block)
    part = part[..., None] if part.ndim == 2 else part
    _, _, width, height = block.place
    if part.shape[0] < height or part.shape[1] < width or part.shape[2] != tiff.block_samples:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: a strip or tile has the wrong size")
    return part


def _largest(tiff: TiffFile) -> int:
    """Pixels of a strip or tile, padded to whole blocks."""
    return (tiff.block[0] + _FILLING) * (tiff.block[1] + _FILLING)


def _jpeg(tiff: TiffFile, block: Block) -> Samples:
    """A JPEG with the tables of the whole file, and an Adobe marker for the colour space that the TIFF states."""
    tables = tiff.page.text(_TABLES)
    transform = 1 if tiff.photometric == _YCC else 0
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    start = b"\xff\xd8" + (adobe if tiff.block_samples > 1 else b"")
    data = start + tables[2:].removesuffix(b"\xff\xd9") + block.stored[2:]
    return jpeg.read_part(data, largest=_largest(tiff))


def _webp(tiff: TiffFile, block: Block) -> Samples:
    from cutouts.adapters.images import webp

    raster = webp.read(block.stored, largest=_largest(tiff))
    if raster.alpha is not None:
        return np.dstack([raster.samples, raster.alpha])
    if tiff.block_samples == 4:
        return np.dstack([raster.samples, np.full(raster.samples.shape[:2], 255, np.uint8)])
    return raster.samples


def _fax(tiff: TiffFile, block: Block) -> Samples:
    if tiff.bits != 1 or tiff.block_samples != 1:
        raise ImageRejected(RejectionReason.UNSUPPORTED, "TIFF with fax codes for more than 1 bit")
    known = (COMPRESSION, _T4_OPTIONS, _T6_OPTIONS, FILL_ORDER)
    tags = {tag: tiff.page.number(tag, 0) for tag in known if tag in tiff.page}
    packed = libtiff.unpacked_fax(block.stored, tags, block.rows, tiff.block[0])
    rows = np.frombuffer(packed, np.uint8).reshape(block.rows, -1)
    return np.unpackbits(rows, axis=1, count=tiff.block[0])
