"""BMPs of every kind, written from the specification: headers, depths, bit fields, run lengths and alpha."""

from __future__ import annotations

import struct
from itertools import product
from typing import Any

import numpy as np
import pytest

from cutouts.adapters.images import decode, read_size
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import display_p3, scene, written

HEADERS = [40, 52, 56, 64, 108, 124]


def read(data: bytes) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=1_000_000)


def bmp(rows: bytes, size: tuple[int, int], bits: int, *, header: int = 40, packing: int = 0, **more: Any) -> bytes:
    """A BMP; `more`: `masks`, `palette` (uint8 n×3, RGB), `profile` and `kind` of colours."""
    masks, palette, profile = more.get("masks", ()), more.get("palette"), more.get("profile", b"")
    colours = b"" if palette is None else b"".join(bytes((b, g, r)) + b"\0" * (header != 12) for r, g, b in palette)
    if header == 12:
        info = struct.pack("<IHHHH", 12, *size, 1, bits)
    else:
        used = 0 if palette is None else len(palette)
        info = struct.pack("<IiiHHIIiiII", 40, *size, 1, bits, packing, 0, 2835, 2835, used, 0)
        info = info[:40] + (struct.pack(f"<{len(masks)}I", *masks) if header > 40 else b"")
        info = (info[:56] if header < 108 else info.ljust(56, b"\0") + more.get("kind", b"BGRs")).ljust(header, b"\0")
        info = struct.pack("<I", header) + info[4:header]
    behind = struct.pack(f"<{len(masks)}I", *masks) if header == 40 else b""
    start = 14 + header + len(behind) + len(colours)
    if profile:
        info = info[:112] + struct.pack("<II", start - 14 + len(rows), len(profile)) + info[120:]
    whole = info + behind + colours + rows + profile
    return struct.pack("<2sIHHI", b"BM", 14 + len(whole), 0, 0, start) + bytes(whole)


def rows_of(pixels: np.ndarray[Any, Any], bits: int) -> bytes:
    """Rows of whole pixels (uint8 H×W×C or words H×W) or of indices, filled up to four bytes, the lowest first."""
    if bits < 8:
        single = (pixels[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        stored = [np.packbits(row.astype(np.uint8)).tobytes() for row in single.reshape(pixels.shape[0], -1)]
    else:
        stored = [row.tobytes() for row in pixels]
    return b"".join(row + bytes(-len(row) % 4) for row in reversed(stored))


def fields(rgb: Bytes, alpha: Bytes, widths: tuple[int, ...], bits: int) -> tuple[bytes, tuple[int, ...], Bytes]:
    """Rows whose fields of red, green, blue and alpha have these bits, their masks, and the colours that remain."""
    words, masks, kept, low = np.zeros(rgb.shape[:2], np.uint32), [], [], 0
    for plane, width in zip((*np.moveaxis(rgb, -1, 0), alpha), widths, strict=True):
        top = (1 << width) - 1
        value = (plane.astype(np.uint32) * top + 127) // 255
        words |= value << low
        masks.append(top << low)
        kept.append((value * 255 + top // 2) // max(top, 1))
        low += width
    return rows_of(words.astype(f"<u{bits // 8}"), bits), tuple(masks), np.dstack(kept).astype(np.uint8)


@pytest.mark.parametrize(("header", "from_top"), [(12, False), *product(HEADERS, (False, True))])
def test_24_bit_colours_are_read_with_every_header(header: int, from_top: bool) -> None:
    """Rows start at the bottom or at the top; the height of the oldest header has no sign."""
    pixels = scene(21, 17)
    rows = rows_of((pixels[::-1] if from_top else pixels)[..., ::-1].copy(), 24)
    data = bmp(rows, (21, -17 if from_top else 17), 24, header=header)
    assert read_size(data) == (21, 17)
    assert np.array_equal(read(data).rgb, pixels)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("header", [12, 40, 124])
def test_palettes_of_every_size_are_read(header: int, bits: int) -> None:
    """OS/2 palettes have three bytes per colour and all others four."""
    indices = np.random.default_rng(4).integers(0, 1 << bits, (17, 21)).astype(np.uint8)
    palette = np.random.default_rng(5).integers(0, 256, (1 << bits, 3), np.uint8)
    data = bmp(rows_of(indices, bits), (21, 17), bits, header=header, palette=palette)
    assert np.array_equal(read(data).rgb, palette[indices])


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("widths", "bits"),
    [
        ((5, 5, 5, 0), 16),
        ((5, 6, 5, 0), 16),
        ((4, 4, 4, 4), 16),
        ((5, 5, 5, 1), 16),
        ((8, 8, 8, 8), 32),
        ((10, 10, 10, 2), 32),
        ((8, 8, 8, 0), 32),
    ],
)
def test_bit_fields_are_stretched_to_8_bit(widths: tuple[int, ...], bits: int, header: int) -> None:
    """Any masks are supported, and alpha if the header gives it bits."""
    alpha = np.tile(np.linspace(0, 255, 21).astype(np.uint8), (17, 1))
    rows, masks, kept = fields(scene(21, 17), alpha, widths, bits)
    has_alpha = header >= 56 and widths[3] > 0
    data = bmp(rows, (21, 17), bits, header=header, packing=3, masks=masks if header >= 56 else masks[:3])
    photograph = read(data)
    assert np.abs(photograph.rgb.astype(int) - kept[..., :3]).max() <= 1
    assert (photograph.alpha is not None) == has_alpha
    assert photograph.alpha is None or np.array_equal(photograph.alpha, kept[..., 3])


@pytest.mark.parametrize("header", [56, 108, 124])
def test_alpha_that_is_zero_throughout_is_ignored(header: int) -> None:
    """Programs without alpha support leave zeros, which must not make the picture invisible."""
    rows, masks, kept = fields(scene(21, 17), np.zeros((17, 21), np.uint8), (8, 8, 8, 8), 32)
    photograph = read(bmp(rows, (21, 17), 32, header=header, packing=3, masks=masks))
    assert np.array_equal(photograph.rgb, kept[..., :3])
    assert (photograph.alpha, photograph.notes) == (None, ())


@pytest.mark.parametrize(("fourth", "noted"), [(0, False), (255, False), (None, True)])
def test_the_fourth_byte_of_a_plain_bmp_is_not_alpha(fourth: int | None, noted: bool) -> None:
    """It is unused by definition; if it varies, a note says so."""
    last = np.full((17, 21), fourth, np.uint8) if fourth is not None else scene(21, 17)[..., 0]
    pixels = np.dstack([scene(21, 17)[..., ::-1], last])
    photograph = read(bmp(rows_of(pixels, 32), (21, 17), 32))
    assert np.array_equal(photograph.rgb, scene(21, 17))
    assert photograph.alpha is None
    assert bool(photograph.notes) == noted


def test_sixteen_bits_without_masks_are_five_per_channel() -> None:
    """The highest bit is unused."""
    rows, _, kept = fields(scene(21, 17)[..., ::-1].copy(), np.zeros((17, 21), np.uint8), (5, 5, 5, 0), 16)
    assert np.array_equal(read(bmp(rows, (21, 17), 16)).rgb, kept[..., 2::-1])


def runs(indices: Bytes, bits: int) -> bytes:
    """Run lengths: runs of at least three equal pixels, else single pixels, and some rows as literals."""
    out = b""
    for number, row in enumerate(indices[::-1].tolist()):
        if number % 3 == 2:
            for start in range(0, len(row), 20):
                part = row[start : start + 20]
                if len(part) < 3:
                    out += b"".join(bytes((1, value << 4 if bits == 4 else value)) for value in part)
                    continue
                stored = (
                    bytes(part)
                    if bits == 8
                    else np.array([*part, 0][: len(part) + len(part) % 2], np.uint8).reshape(-1, 2) @ np.array([16, 1])
                )
                body = stored if isinstance(stored, bytes) else bytes(stored.tolist())
                out += bytes((0, len(part))) + body + bytes(len(body) % 2)
        else:
            out += b"".join(bytes((1, value << 4 if bits == 4 else value)) for value in row[:-4])
            out += bytes((4, row[-1] * (17 if bits == 4 else 1)))
        out += b"\0\0"
    return out + b"\0\1"


@pytest.mark.parametrize("bits", [4, 8])
def test_run_lengths_are_unpacked(bits: int) -> None:
    """Both runs and literal pixels are read."""
    indices = np.random.default_rng(4).integers(0, 1 << bits, (17, 47)).astype(np.uint8)
    indices[:, -4:] = indices[:, -1:]
    palette = np.random.default_rng(5).integers(0, 256, (1 << bits, 3), np.uint8)
    data = bmp(runs(indices, bits), (47, 17), bits, packing=1 if bits == 8 else 2, palette=palette)
    photograph = read(data)
    assert np.array_equal(photograph.rgb, palette[indices])
    assert photograph.notes == ()
    with pytest.raises(ImageRejected) as caught:
        read(data[:-60])
    assert caught.value.reason is RejectionReason.TRUNCATED


def test_pixels_skipped_by_run_lengths_are_noted() -> None:
    """A delta code leaves pixels without a stated value."""
    palette = np.random.default_rng(5).integers(0, 256, (256, 3), np.uint8)
    data = bmp(b"\5\7\0\2\3\4\5\7\0\1", (16, 16), 8, packing=1, palette=palette)
    photograph = read(data)
    assert (photograph.rgb[-1, :5] == palette[7]).all()
    assert (photograph.rgb[0] == palette[0]).all()
    assert "not in the file" in photograph.notes[0]


def test_an_embedded_profile_is_applied() -> None:
    """Version 5 may carry a profile; the path of a linked one is not opened."""
    pixels = scene(21, 17)
    rows = rows_of(pixels[..., ::-1].copy(), 24)
    data = bmp(rows, (21, 17), 24, header=124, kind=b"DEBM", profile=display_p3())
    assert np.array_equal(read(data).rgb, read(written(pixels, "PNG", icc_profile=display_p3())).rgb)
    linked = read(bmp(rows, (21, 17), 24, header=124, kind=b"KNIL", profile=b"C:\\secret.icc\0"))
    assert np.array_equal(linked.rgb, pixels)
    assert "another file" in linked.notes[0]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"packing": 4}, RejectionReason.UNSUPPORTED),
        ({"packing": 5}, RejectionReason.UNSUPPORTED),
        ({"packing": 3, "header": 64}, RejectionReason.UNSUPPORTED),
        ({"packing": 9}, RejectionReason.UNSUPPORTED),
        ({"packing": 3, "bits": 32, "masks": (0xFF, 0xFF, 0xFF00)}, RejectionReason.DAMAGED),
        ({"bits": 8}, RejectionReason.DAMAGED),
        ({"size": (64, 64)}, RejectionReason.TRUNCATED),
    ],
)
def test_an_unreadable_bmp_is_refused_with_its_reason(options: dict[str, Any], reason: RejectionReason) -> None:
    """JPEG data, OS/2 codes, overlapping masks, a missing palette and missing rows each have their reason."""
    how = {"size": (16, 16), "bits": 24, **options}
    with pytest.raises(ImageRejected) as caught:
        read(bmp(bytes(16 * 48), **how))
    assert caught.value.reason is reason
