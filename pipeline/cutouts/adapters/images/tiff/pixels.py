"""The picture of a TIFF, assembled from its blocks, with colours and alpha separated."""

from __future__ import annotations

import struct

import numpy as np

from cutouts.adapters.images.raster import Colours, Raster, Samples, Space, eight_bit, spread_bits
from cutouts.adapters.images.tiff import blocks, embedded_images, samples
from cutouts.adapters.images.tiff.directory import ORIENTATION
from cutouts.adapters.images.tiff.layout import EXTRA, INK_SET, TiffFile
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes
from cutouts.core.rejection_reasons import RejectionReason

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCC, CIE_LAB, ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
_SPACES = {
    WHITE_IS_ZERO: Space.GREY,
    BLACK_IS_ZERO: Space.GREY,
    RGB: Space.RGB,
    PALETTE: Space.RGB,
    CMYK: Space.CMYK,
    YCC: Space.RGB,
    CIE_LAB: Space.LAB,
    ICC_LAB: Space.LAB,
}
_CHANNELS = {Space.GREY: 1, Space.RGB: 3, Space.CMYK: 4, Space.LAB: 3}
_NAMES = {4: "a transparency mask", 10: "ITU Lab", 32844: "LogL", 32845: "LogLuv"}
_PREMULTIPLIED, _STRAIGHT = 1, 2
_COLOUR_MAP, _PRIMARIES, _PROFILE, _SUBSAMPLING, _RANGE = 320, 319, 34675, 530, 532
_JPEG_RANGE = [0, 255, 128, 255, 128, 255]
_LARGEST_PROFILE = 16 << 20


def read(tiff: TiffFile) -> Raster:
    """The picture of `tiff`. Raises ImageRejected if it is damaged, or uses a feature that we do not support."""
    blocks.check(tiff)
    samples.check(tiff)
    space, channels = _check(tiff)
    alpha_at, premultiplied, notes = _extra(tiff, channels)
    wanted = [*range(channels), *([] if alpha_at is None else [alpha_at])]
    whole = _assembled(tiff, wanted)
    colour = spread_bits(whole, _bits(tiff)) if tiff.photometric != PALETTE else whole
    alpha = None if alpha_at is None else np.ascontiguousarray(spread_bits(whole[..., -1], _bits(tiff)))
    colour = colour[..., :channels]
    if alpha is not None and premultiplied:
        colour = _straight(colour, alpha)
    return Raster(
        samples=_meant(np.ascontiguousarray(colour), tiff),
        space=space,
        alpha=None if alpha is None else eight_bit(alpha),
        colours=_colours(tiff),
        orientation=tiff.page.number(ORIENTATION, 1),
        notes=tiff.notes + notes,
    )


def _check(tiff: TiffFile) -> tuple[Space, int]:
    """The colour space, and how many samples per pixel make a colour. Raises ImageRejected if it is unsupported."""
    space = _SPACES.get(tiff.photometric)
    if space is None:
        name = _NAMES.get(tiff.photometric, f"number {tiff.photometric}")
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with an unsupported colour space ({name})")
    if space is Space.CMYK and tiff.page.number(INK_SET, 1) != 1:
        raise ImageRejected(RejectionReason.UNSUPPORTED, "TIFF with inks other than CMYK")
    if _is_ycc(tiff) and (tiff.bits != 8 or tiff.page.numbers(_SUBSAMPLING) != (1, 1) or not _full_range(tiff)):
        raise ImageRejected(RejectionReason.UNSUPPORTED, "TIFF with subsampled or narrow-range YCbCr")
    if space is Space.LAB and tiff.bits not in (8, 16):
        raise ImageRejected(RejectionReason.UNSUPPORTED, f"TIFF with Lab of {tiff.bits} bit")
    channels = 1 if tiff.photometric == PALETTE else _CHANNELS[space]
    if tiff.samples < channels:
        raise ImageRejected(RejectionReason.DAMAGED, f"TIFF: {tiff.samples} samples per pixel are too few for {space}")
    return space, channels


def _is_ycc(tiff: TiffFile) -> bool:
    """Whether samples are luminance and chrominance. JPEG and WebP decoders convert theirs to RGB themselves."""
    return tiff.photometric == YCC and tiff.compression not in (blocks.JPEG, blocks.WEBP)


def _full_range(tiff: TiffFile) -> bool:
    """Whether luminance and chrominance use the full range, as in a JPEG."""
    stored = tiff.page.text(_RANGE)
    if not stored:
        return True
    values = struct.unpack(f"{tiff.page.order}12I", stored)
    return [top / max(bottom, 1) for top, bottom in zip(values[::2], values[1::2], strict=True)] == _JPEG_RANGE


def _extra(tiff: TiffFile, channels: int) -> tuple[int | None, bool, tuple[str, ...]]:
    """The index of the alpha sample, whether colours are premultiplied by it, and a note on ignored samples."""
    if EXTRA not in tiff.page and tiff.samples == channels + 1 and channels in (1, 3):
        return channels, False, ("it has one extra channel of unstated meaning: treated as alpha",)
    kinds = tiff.page.numbers(EXTRA)[: tiff.samples - channels]
    for place, kind in enumerate(kinds):
        if kind in (_PREMULTIPLIED, _STRAIGHT):
            return channels + place, kind == _PREMULTIPLIED, ()
    count = tiff.samples - channels
    words = "a channel of unspecified meaning" if count == 1 else f"{count} channels of unspecified meaning"
    return None, False, (f"it has {words} besides its colours: ignored",) if count > 0 else ()


def _assembled(tiff: TiffFile, wanted: list[int]) -> Samples:
    """The `wanted` samples of each pixel, uint8 or uint16 H×W×len(wanted)."""
    deep = tiff.bits > 8
    canvas = np.zeros((tiff.height, tiff.width, len(wanted)), np.uint16 if deep else np.uint8)
    for block in blocks.blocks(tiff):
        if tiff.separate and block.plane not in wanted:
            continue
        if tiff.compression in embedded_images.CODED:
            part = embedded_images.samples_of(tiff, block)
        else:
            part = samples.samples_of(blocks.unpacked(tiff, block), tiff, block.rows)
        left, top, width, height = block.place
        target = canvas[top : top + height, left : left + width]
        if tiff.separate:
            target[..., wanted.index(block.plane)] = part[:height, :width, 0]
        else:
            target[:] = part[:height, :width, wanted]
    return canvas


def _bits(tiff: TiffFile) -> int:
    return min(tiff.bits, 16)


def _straight(colour: Samples, alpha: Samples) -> Samples:
    """`colour` divided by the alpha that it was multiplied by; 0 where alpha is 0."""
    full = 255 if colour.dtype == np.uint8 else 65535
    share = np.maximum(alpha, 1).astype(np.uint32)[..., None]
    straight = np.minimum((colour.astype(np.uint32) * full + share // 2) // share, full)
    return np.asarray(np.where(alpha[..., None] == 0, 0, straight), colour.dtype)


def _meant(colour: Samples, tiff: TiffFile) -> Samples:
    """Samples encoded as in `Space`."""
    if tiff.photometric == PALETTE:
        return _looked_up(colour[..., 0], tiff)
    if tiff.photometric in (CIE_LAB, ICC_LAB):
        return _lab(colour, tiff)
    if _is_ycc(tiff):
        return _rgb_of(colour)
    if tiff.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        grey = colour[..., 0]
        return np.asarray(np.invert(grey) if tiff.photometric == WHITE_IS_ZERO else grey)
    return colour


def _rgb_of(ycc: Samples) -> Bytes:
    """Full-range luminance and chrominance (ITU-R BT.601) as RGB, uint8."""
    light, blue, red = (ycc[..., place].astype(np.float32) - np.float32(128 * (place > 0)) for place in range(3))
    rgb = np.stack([light + 1.402 * red, light - 0.344136 * blue - 0.714136 * red, light + 1.772 * blue], axis=-1)
    return np.asarray(rgb.round().clip(0, 255), np.uint8)


def _lab(colour: Samples, tiff: TiffFile) -> Samples:
    """Lab samples, uint16, as in `Space.LAB`. CIE Lab has signed a and b. L = 100 is 65280 in 16 bit ICC Lab, and the
    maximum in all others.
    """
    wide = colour.astype(np.uint16) << np.uint16(8) if tiff.bits == 8 else colour
    if tiff.photometric == CIE_LAB:
        wide = wide ^ np.array([0, 32768, 32768], np.uint16)
    top = 65535 if tiff.bits == 16 and tiff.photometric == CIE_LAB else 65280
    light = np.minimum(wide[..., 0].astype(np.uint32) * 65535 // top, 65535)
    return np.dstack([light.astype(np.uint16), wide[..., 1:]])


def _looked_up(indices: Samples, tiff: TiffFile) -> Bytes:
    stored = tiff.page.numbers(_COLOUR_MAP)
    if len(stored) < 3 << tiff.bits or tiff.bits > 16:
        raise ImageRejected(RejectionReason.DAMAGED, "TIFF: its palette is missing or too short")
    table: Samples = np.array(stored[: 3 << tiff.bits], np.uint16).reshape(3, -1).T
    if not (table & 255).any():
        table = table >> np.uint16(8)  # some programs only support 8 bit and leave the lower bits empty
    if table.max() < 256:
        table = table * np.uint16(257)  # likewise, but with the upper bits empty
    return eight_bit(table)[indices]


def _colours(tiff: TiffFile) -> Colours:
    profile = tiff.page.text(_PROFILE)[:_LARGEST_PROFILE]
    if profile:
        return Colours(profile=profile)
    if _PRIMARIES in tiff.page and _SPACES[tiff.photometric] is Space.RGB:
        return Colours(notes=("it states primaries, but no colour profile: treated as sRGB",))
    return Colours()
