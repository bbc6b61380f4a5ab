"""The samples of a PNG file: unpacked, unfiltered, with passes combined and the transparent colour as alpha."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from isal import isal_zlib
from PIL import Image

from cutouts.adapters.images import exif
from cutouts.adapters.images.inflate import BrokenStreamError, inflated
from cutouts.adapters.images.png.chunks import CHANNELS, PngFile
from cutouts.adapters.images.png.colours import colours_of
from cutouts.adapters.images.raster import Raster, Samples, Space, eight_bit, spread_bits
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_STORED = 65535
"""Bytes of the largest uncompressed block of deflate."""


def read(png: PngFile) -> Raster:
    """The picture of `png`, or the first frame of an animation. Raises ImageRejected if it is cut off or damaged."""
    raw, notes = _unpacked(png)
    shape = png.height, png.width, CHANNELS[png.kind]
    samples = np.empty(shape, np.uint16 if png.bits == 16 else np.uint8)
    offset = 0
    for width, height, (left, top, across, down) in png.passes():
        size = height * (1 + png.row_bytes(width))
        rows = np.frombuffer(raw, np.uint8, size, offset).reshape(height, -1)
        samples[top::down, left::across] = _samples(rows, png, width)
        offset += size
    colour, space, alpha, said = _meaning(samples, png)
    return Raster(
        samples=colour,
        space=space,
        alpha=alpha,
        colours=colours_of(png),
        orientation=exif.orientation(png.said.get(b"eXIf", b"")),
        notes=(*png.notes, *notes, *said),
    )


def _unpacked(png: PngFile) -> tuple[bytes, tuple[str, ...]]:
    """The filtered rows of all passes, with zlib's checksum verified, and notes.

    If the stream has more bytes than the rows need, one more byte is included. Raises ImageRejected if bytes are
    missing or damaged.
    """
    needed = sum(height * (1 + png.row_bytes(width)) for width, height, _ in png.passes())
    try:
        raw, whole = inflated(png.data, needed)
    except BrokenStreamError as error:
        raise ImageRejected(RejectionReason.DAMAGED, "PNG: its compressed pixels are damaged") from error
    if len(raw) < needed:
        raise ImageRejected(RejectionReason.TRUNCATED, f"PNG: it holds {len(raw)} of {needed} bytes of pixels")
    if len(raw) > needed:
        return raw, ("it holds more rows than it states: the others are ignored",)
    return raw, () if whole else ("its compressed pixels have no end marker",)


def _samples(rows: Bytes, png: PngFile, width: int) -> Samples:
    """height×width×channels of one pass, still in the stored range; each of `rows` begins with its filter type."""
    if rows[:, 0].max() > 4:
        raise ImageRejected(RejectionReason.DAMAGED, "PNG: a row has an unknown filter")
    channels = CHANNELS[png.kind]
    if png.bits == 8:
        return _unfiltered(rows, channels)
    if png.bits == 16:  # filters work on single bytes, so upper and lower bytes are handled as two pictures
        upper, lower = (_unfiltered(_lane(rows, first), channels) for first in (1, 2))
        return upper.astype(np.uint16) << np.uint16(8) | lower
    packed = _unfiltered(rows, 1)[..., 0]
    per_byte = 8 // png.bits
    shifts = np.arange(per_byte - 1, -1, -1, dtype=np.uint8) * np.uint8(png.bits)
    single = (packed[..., None] >> shifts) & np.uint8((1 << png.bits) - 1)
    return np.asarray(single.reshape(rows.shape[0], -1)[:, :width, None], np.uint8)


def _lane(rows: Bytes, first: int) -> Bytes:
    """The filter type and then every second byte of each row, starting at `first`."""
    return np.concatenate([rows[:, :1], rows[:, first::2]], axis=1)


def _unfiltered(rows: Bytes, channels: int) -> Bytes:
    """`rows` with their filters undone by Pillow (PNG, section 9), uint8 height×width×channels."""
    height, width = rows.shape[0], (rows.shape[1] - 1) // channels
    mode = _MODES[channels]
    image = Image.frombytes(mode, (width, height), _as_zlib(rows), "zip", mode)
    return np.asarray(image).reshape(height, width, channels)


def _as_zlib(rows: Bytes) -> bytes:
    """`rows` as an uncompressed zlib stream (RFC 1950, 1951)."""
    view = memoryview(np.ascontiguousarray(rows).reshape(-1).data)
    return b"".join((b"\x78\x01", *_blocks(view), struct.pack(">I", isal_zlib.adler32(view))))


def _blocks(view: memoryview) -> Iterator[bytes | memoryview]:
    for start in range(0, len(view), _STORED):
        size = min(_STORED, len(view) - start)
        yield struct.pack("<BHH", start + size >= len(view), size, size ^ 0xFFFF)
        yield view[start : start + size]


def _meaning(samples: Samples, png: PngFile) -> tuple[Samples, Space, Bytes | None, tuple[str, ...]]:
    """Colour, its space, alpha and notes."""
    if png.kind == 3:
        return _looked_up(np.asarray(samples[..., 0], np.uint8), png)
    space = Space.RGB if png.kind in (2, 6) else Space.GREY
    if png.kind in (4, 6):
        colour, alpha = samples[..., :-1], _last(samples)
    else:
        colour, alpha = samples, _keyed(samples, png)
    colour = spread_bits(np.ascontiguousarray(colour if space is Space.RGB else colour[..., 0]), png.bits)
    return colour, space, alpha, ()


def _last(samples: Samples) -> Bytes | None:
    return eight_bit(np.ascontiguousarray(samples[..., -1]))


def _keyed(samples: Samples, png: PngFile) -> Bytes | None:
    """Alpha of a picture in which one colour is transparent; None if there is no such colour."""
    body, channels = png.said.get(b"tRNS", b""), samples.shape[2]
    if len(body) < 2 * channels:
        return None
    key = np.array(struct.unpack_from(f">{channels}H", body)) & ((1 << png.bits) - 1)
    clear = (samples == key.astype(samples.dtype)).all(axis=2)
    return np.where(clear, 0, 255).astype(np.uint8)


def _looked_up(indices: Bytes, png: PngFile) -> tuple[Samples, Space, Bytes | None, tuple[str, ...]]:
    """A palette picture in RGB. Indices beyond the palette are black, as in common viewers."""
    stored = np.frombuffer(png.said[b"PLTE"], np.uint8)
    stored = stored[: min(stored.size // 3, 256) * 3].reshape(-1, 3)
    palette, shares = np.zeros((256, 3), np.uint8), np.full(256, 255, np.uint8)
    palette[: len(stored)] = stored
    clear = np.frombuffer(png.said.get(b"tRNS", b""), np.uint8)[:256]
    shares[: clear.size] = clear
    beyond = int(indices.max()) >= len(stored)
    notes = ("some of its pixels are not in its palette: shown as black",) if beyond else ()
    return palette[indices], Space.RGB, shares[indices] if clear.size else None, notes
