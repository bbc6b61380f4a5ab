"""PNGs of every kind: depth × colour type × interlacing × transparent colour, and every way to state colours."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from cutouts.adapters.images import decode
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import display_p3, scene, srgb, written
from tests.adapters.png_writer import CHANNELS, Samples, chunk, png

KINDS = [
    (1, 0),
    (2, 0),
    (4, 0),
    (8, 0),
    (16, 0),
    (8, 2),
    (16, 2),
    (1, 3),
    (2, 3),
    (4, 3),
    (8, 3),
    (8, 4),
    (16, 4),
    (8, 6),
    (16, 6),
]
PRIMARIES = {  # the published matrices of the colour spaces to XYZ (SMPTE EG 432, BT.2020, IEC 61966-2-1)
    1: [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    9: [[0.6369580, 0.1446169, 0.1688810], [0.2627002, 0.6779981, 0.0593017], [0.0, 0.0280727, 1.0609851]],
    12: [[0.4865709, 0.2656677, 0.1982173], [0.2289746, 0.6917385, 0.0792869], [0.0, 0.0451134, 1.0439444]],
}
CHRM = {
    1: (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    9: (31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
    12: (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
}


def read(data: bytes) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=1_000_000)


def samples_of(bits: int, kind: int) -> Samples:
    """H×W×channels of the full range of `bits`, no two channels alike."""
    deep = np.random.default_rng(5).integers(0, 65536, (37, 29, CHANNELS[kind]), np.uint16)
    deep[10:20, 5:15] = deep[10, 5]  # a colour that may be made transparent
    return (deep >> (16 - bits)).astype(np.uint16 if bits > 8 else np.uint8)


def eight(samples: Samples, bits: int) -> Bytes:
    """The full range of `bits` as 8 bit, rounded."""
    return (samples.astype(np.float64) * 255 / ((1 << bits) - 1)).round().astype(np.uint8)


def palette(bits: int) -> Bytes:
    """As many colours as `bits` can name."""
    return np.random.default_rng(2).integers(0, 256, (1 << bits, 3), np.uint8)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("bits", "kind"), KINDS)
def test_every_kind_gives_its_samples_and_its_alpha(bits: int, kind: int, transparent: bool, interlaced: bool) -> None:
    """Every filter occurs, and the transparent colour is compared at its full depth."""
    samples, chunks = samples_of(bits, kind), dict[str, bytes]()
    colour, alpha = samples, None
    if kind == 3:
        chunks["PLTE"] = palette(bits).tobytes()
        shares = np.arange(1 << bits)[::-1].astype(np.uint8)[: max(1, (1 << bits) - 1)]
        if transparent:
            chunks["tRNS"] = shares.tobytes()
            alpha = np.append(shares, np.full(256, 255, np.uint8))[samples[..., 0]]
        colour = palette(bits)[samples[..., 0]]
    elif kind in (4, 6):
        colour, alpha = samples[..., :-1], eight(samples[..., -1], bits)
    elif transparent:
        chunks["tRNS"] = struct.pack(f">{CHANNELS[kind]}H", *samples[12, 7].tolist())
        alpha = np.where((samples == samples[12, 7]).all(axis=2), 0, 255).astype(np.uint8)
    photograph = read(png(samples, bits, kind, chunks, interlaced=interlaced))
    expected = colour if kind == 3 else eight(colour, bits)
    assert np.array_equal(photograph.rgb, np.broadcast_to(expected, photograph.rgb.shape))
    assert (photograph.alpha is None) == (alpha is None)
    assert alpha is None or (photograph.alpha is not None and np.array_equal(photograph.alpha, alpha))
    assert photograph.notes == ()


@pytest.mark.parametrize(("width", "height"), [(8, 8), (9, 8), (8, 11), (12, 9), (17, 23)])
def test_small_interlaced_pictures_have_empty_passes(width: int, height: int) -> None:
    """Passes without pixels are not in the file."""
    samples = samples_of(8, 2)[:height, :width]
    assert np.array_equal(read(png(samples, 8, 2, interlaced=True)).rgb, samples)


def srgb_of(linear: np.ndarray[Any, Any]) -> Bytes:
    """sRGB's stored values of light."""
    light = np.clip(linear, 0, 1)
    stored = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((stored * 255).round(), np.uint8)


def light_of(stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The light of sRGB's stored values, 0…1."""
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def moved(linear: np.ndarray[Any, Any], primaries: int) -> Bytes:
    """Linear light of other primaries as sRGB; all have the same white, so no adaptation is needed."""
    return srgb_of(linear @ (np.linalg.inv(PRIMARIES[1]) @ PRIMARIES[primaries]).T)


@pytest.mark.parametrize("primaries", [9, 12])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("said", ["cICP", "cHRM"])
def test_wide_gamuts_are_converted_to_srgb(said: str, primaries: int, bits: int) -> None:
    """P3 and BT.2020 are stated by code points or chromaticities, in 8 and in 16 bit."""
    samples = samples_of(bits, 2)
    stored = samples / ((1 << bits) - 1)
    body = bytes((primaries, 13, 0, 1)) if said == "cICP" else struct.pack(">8I", *CHRM[primaries])
    photograph = read(png(samples, bits, 2, {said: body}))
    assert np.abs(photograph.rgb.astype(int) - moved(light_of(stored), primaries)).max() <= 2
    assert photograph.notes == ()


@pytest.mark.parametrize("gamma", [100_000, 55_556, 35_000])
@pytest.mark.parametrize(("bits", "kind"), [(8, 0), (8, 2), (16, 2), (16, 4), (8, 3)])
def test_gamma_is_applied(gamma: int, bits: int, kind: int) -> None:
    """Linear light and old Macintosh pictures come out with the intended brightness."""
    samples, chunks = samples_of(bits, kind), {"gAMA": struct.pack(">I", gamma)}
    if kind == 3:
        chunks["PLTE"] = palette(bits).tobytes()
    stored = (
        palette(bits)[samples[..., 0]] / 255 if kind == 3 else samples[..., : 3 if kind == 2 else 1] / ((1 << bits) - 1)
    )
    expected = srgb_of(np.broadcast_to(stored, (*samples.shape[:2], 3)) ** (100_000 / gamma))
    assert np.abs(read(png(samples, bits, kind, chunks)).rgb.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("gamma", [45455, 45000, 46000])
def test_the_gamma_written_for_srgb_changes_nothing(gamma: int) -> None:
    """It stands for the curve of sRGB, which is not a power, with or without the primaries of sRGB."""
    samples = samples_of(8, 2)
    said = {"gAMA": struct.pack(">I", gamma), "cHRM": struct.pack(">8I", *CHRM[1])}
    assert np.array_equal(read(png(samples, 8, 2, said)).rgb, samples)


def test_the_first_kind_of_colour_information_counts() -> None:
    """The order is cICP, iCCP, sRGB, then cHRM and gAMA, whatever the order in the file."""
    samples = samples_of(8, 2)
    p3 = b"P3\0\0" + zlib.compress(display_p3())
    said = {"gAMA": struct.pack(">I", 100_000), "cHRM": struct.pack(">8I", *CHRM[9]), "sRGB": b"\0", "iCCP": p3}
    by_profile = read(png(samples, 8, 2, {"iCCP": p3})).rgb
    assert not np.array_equal(by_profile, samples)
    assert np.array_equal(read(png(samples, 8, 2, said)).rgb, by_profile)
    assert np.array_equal(read(png(samples, 8, 2, said | {"cICP": bytes((1, 13, 0, 1))})).rgb, samples)
    del said["iCCP"]
    assert np.array_equal(read(png(samples, 8, 2, said)).rgb, samples)


@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
@pytest.mark.parametrize("bits", [8, 16])
def test_high_dynamic_range_keeps_what_srgb_can_show(transfer: str, bits: int) -> None:
    """A picture within sRGB stored as BT.2100 is unchanged; a note says that the rest is clipped."""
    expected = scene()
    light = light_of(expected / 255) @ (np.linalg.inv(PRIMARIES[9]) @ PRIMARIES[1]).T * 203
    if transfer == "PQ":
        power = (np.clip(light, 0, None) / 10000) ** 0.1593017578125
        stored = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        luminance = (light @ PRIMARIES[9][1])[..., None] / 1000
        linear = np.clip(light / 1000, 0, None) * np.maximum(luminance, 1e-9) ** (1 / 1.2 - 1)
        stored = np.where(
            linear <= 1 / 12,
            np.sqrt(3 * linear),
            0.17883277 * np.log(np.maximum(12 * linear - 0.28466892, 1e-9)) + 0.55991073,
        )
    samples: Samples = (stored * ((1 << bits) - 1)).round().astype(np.uint16)
    photograph = read(png(samples, bits, 2, {"cICP": bytes((9, 16 if transfer == "PQ" else 18, 0, 1))}))
    off = np.abs(photograph.rgb.astype(int) - expected)
    assert off.max() <= (8 if bits == 8 else 1)
    assert photograph.notes == ("a high dynamic range picture: highlights brighter than paper white are cut off",)


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("iCCP", b"x\0\0" + zlib.compress(bytes(40 << 20)), "larger than 16 MiB"),
        ("iCCP", b"x\0\0" + zlib.compress(srgb())[:40], "colour profile is broken"),
        ("iCCP", b"x\0\0not zlib", "colour profile is broken"),
        ("cICP", bytes((77, 13, 0, 1)), "unknown type"),
        ("cICP", bytes((12, 13, 1, 1)), "cICP"),
        ("cICP", bytes((12, 2, 0, 1)), "cICP"),
        ("cICP", b"abc", "cICP"),
        ("gAMA", bytes(4), "is invalid"),
        ("cHRM", bytes(32), "is invalid"),
    ],
    ids=[
        "bomb",
        "cut off",
        "not zlib",
        "cICP",
        "matrix",
        "unspecified",
        "three bytes",
        "gAMA",
        "cHRM",
    ],  # a profile states its time of creation
)
def test_unusable_metadata_leave_a_note(name: str, body: bytes, words: str) -> None:
    """They do not reject the picture."""
    samples = samples_of(8, 2)
    photograph = read(png(samples, 8, 2, {name: body}))
    assert np.array_equal(photograph.rgb, samples)
    (note,) = photograph.notes
    assert words in note


def test_large_metadata_are_harmless() -> None:
    """A text that expands to gigabytes is not unpacked, and a profile of 2 MB is used."""
    samples = samples_of(8, 2)
    packed = zlib.compressobj(9)
    text = b"".join(packed.compress(bytes(1 << 20)) for _ in range(300)) + packed.flush()
    padded = display_p3() + bytes(2_000_000)
    photograph = read(
        png(samples, 8, 2, {"zTXt": b"Raw profile type exif\0\0" + text, "iCCP": b"x\0\0" + zlib.compress(padded)})
    )
    assert np.array_equal(
        photograph.rgb, read(png(samples, 8, 2, {"iCCP": b"x\0\0" + zlib.compress(display_p3())})).rgb
    )
    assert photograph.notes == ()


def test_damaged_metadata_are_left_out_with_a_note() -> None:
    """A wrong checksum rejects the file only if it concerns pixels."""
    samples = samples_of(8, 2)
    data = png(samples, 8, 2, {"tEXt": b"Comment\0anything"})
    place = data.index(b"anything")
    photograph = read(data[:place] + b"A" + data[place + 1 :])
    assert np.array_equal(photograph.rgb, samples)
    assert photograph.notes == ("part of its metadata is damaged: ignored",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-20], RejectionReason.TRUNCATED),
        (lambda data: data.replace(b"IDAT", b"IDAU", 1), RejectionReason.DAMAGED),
        (lambda data: data[:8] + chunk(b"CgBI", bytes(4)) + data[8:], RejectionReason.UNSUPPORTED),
        (lambda data: data[:8] + data[8:33] * 2 + data[33:], RejectionReason.DAMAGED),
        (lambda data: data[:33] + chunk(b"WHAT", b"") + data[33:], RejectionReason.DAMAGED),
        (
            lambda data: data[:33] + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b""),
            RejectionReason.TRUNCATED,
        ),
        (
            lambda data: data[:33] + chunk(b"IDAT", zlib.compress(b"\7" * 9999)) + chunk(b"IEND", b""),
            RejectionReason.DAMAGED,
        ),
        (lambda data: data[:33] + chunk(b"IEND", b""), RejectionReason.DAMAGED),
    ],
)
def test_an_unreadable_png_is_refused_with_its_reason(change: Any, reason: RejectionReason) -> None:
    """Files that are cut off, damaged or of an unsupported kind each have their reason."""
    with pytest.raises(ImageRejected) as caught:
        read(change(png(samples_of(8, 2), 8, 2)))
    assert caught.value.reason is reason


def test_pixels_beyond_the_palette_are_black_with_a_note() -> None:
    """Viewers show them as black too."""
    photograph = read(png(samples_of(8, 3), 8, 3, {"PLTE": palette(8)[:100].tobytes()}))
    beyond = samples_of(8, 3)[..., 0] >= 100
    assert (photograph.rgb[beyond] == 0).all()
    assert photograph.notes == ("some of its pixels are not in its palette: shown as black",)


def test_a_long_thin_picture_is_refused_by_its_side() -> None:
    """It has few pixels but would take too much memory when resized for the network."""
    data = bytearray(written(scene(), "PNG"))
    data[16:24] = struct.pack(">II", 12_000_000, 8)
    with pytest.raises(ImageRejected) as caught:
        decode(bytes(data), max_pixels=100_000_000)
    assert caught.value.reason is RejectionReason.TOO_LARGE
    assert "65535 px per side" in caught.value.detail
