"""The pixels of a BMP, stored as bytes, bit fields, palette indices or run lengths."""

from __future__ import annotations

import numpy as np

from cutouts.adapters.images.bmp.header import RGB, RLE4, RLE8, BmpHeader
from cutouts.adapters.images.bmp.run_lengths import unpacked
from cutouts.adapters.images.raster import Raster, Space
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_BEYOND = "some of its pixels are not in its palette: shown as black"
_SKIPPED = "some of its pixels are not in the file: shown in the first colour of its palette"
_FOURTH = "its fourth byte may be transparency, which this type of BMP does not have: ignored"


def read(data: bytes, header: BmpHeader) -> Raster:
    """The picture of `data`. Raises ImageRejected if it is cut off or damaged.

    Alpha is used only if the header has a mask for it and not all values are 0, because programs without alpha support
    write zeros there.
    """
    alpha, notes = None, tuple[str, ...]()
    if header.packing in (RLE8, RLE4):
        indices, skipped = unpacked(data, header)
        rgb, notes = _looked_up(indices, header)
        notes += (_SKIPPED,) if skipped else ()
    elif header.bits <= 8:
        rgb, notes = _looked_up(_indices(_rows(data, header), header), header)
    elif header.bits == 24:
        rgb = _rows(data, header)[:, : 3 * header.width].reshape(header.height, header.width, 3)[..., ::-1]
    else:
        rgb, alpha, notes = _fields(_rows(data, header), header)
    if not header.from_top:
        rgb, alpha = rgb[::-1], None if alpha is None else alpha[::-1]
    return Raster(
        samples=np.ascontiguousarray(rgb),
        space=Space.RGB,
        alpha=None if alpha is None else np.ascontiguousarray(alpha),
        colours=header.colours,
        notes=notes,
    )


def _rows(data: bytes, header: BmpHeader) -> Bytes:
    needed = header.stride * header.height
    spare = header.stride - (header.bits * header.width + 7) // 8  # programs omit the last row's padding
    have = len(data) - header.pixels
    if have + spare < needed:
        raise ImageRejected(RejectionReason.TRUNCATED, f"BMP: it holds {max(have, 0)} of {needed} bytes of pixels")
    stored = np.frombuffer(data, np.uint8, min(needed, have), header.pixels)
    if stored.size < needed:
        stored = np.concatenate([stored, np.zeros(needed - stored.size, np.uint8)])
    return stored.reshape(header.height, header.stride)


def _indices(rows: Bytes, header: BmpHeader) -> Bytes:
    if header.bits == 8:
        return rows[:, : header.width]
    shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
    single = (rows[..., None] >> shifts) & np.uint8((1 << header.bits) - 1)
    return single.reshape(rows.shape[0], -1)[:, : header.width]


def _looked_up(indices: Bytes, header: BmpHeader) -> tuple[Bytes, tuple[str, ...]]:
    stored = np.frombuffer(header.palette, np.uint8).reshape(-1, header.entry)
    if not stored.size:
        raise ImageRejected(RejectionReason.DAMAGED, "BMP: its palette is missing")
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(stored)] = stored[:, 2::-1]
    return palette[indices], (_BEYOND,) if int(indices.max()) >= len(stored) else ()


def _fields(rows: Bytes, header: BmpHeader) -> tuple[Bytes, Bytes | None, tuple[str, ...]]:
    """Colour, alpha and notes of pixels with 16 or 32 bits."""
    words = rows.view("<u2" if header.bits == 16 else "<u4")[:, : header.width]
    rgb = np.stack([_field(words, mask) for mask in header.masks[:3]], axis=-1)
    if header.masks[3]:
        alpha = _field(words, header.masks[3])
        return rgb, alpha if alpha.any() else None, ()
    varied = header.bits == 32 and header.packing == RGB and _says_something(rows[:, 3 : 4 * header.width : 4])
    return rgb, None, (_FOURTH,) if varied else ()


def _says_something(fourth: Bytes) -> bool:
    return bool(fourth.min() != fourth.max())


def _field(words: np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]], mask: int) -> Bytes:
    """The bits under `mask`, scaled to 0…255."""
    low = (mask & -mask).bit_length() - 1
    top = mask >> low
    values = (words & np.array(mask, words.dtype)) >> np.array(low, words.dtype)
    if top == 255:
        return values.astype(np.uint8)
    return ((values.astype(np.uint64) * 255 + top // 2) // top).astype(np.uint8)
