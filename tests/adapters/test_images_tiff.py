"""TIFFs of every layout, written and read back by tifffile and imagecodecs, which share no code with our reader."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from cutouts.adapters.images import decode, read_size
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import scene
from tests.adapters.pictures import written as saved

_UNPREDICTED = ("none", "packbits")
CODES = ["none", "lzw", "zlib", "packbits", "lzma", "zstd"]
CMYK_NOTE = "CMYK without a usable colour profile: its colours are approximate"


def read(data: bytes) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=1_000_000)


def written(samples: np.ndarray[Any, Any], **options: Any) -> bytes:
    """A TIFF of `samples` by tifffile, which reads the same back."""
    target = BytesIO()
    tifffile.imwrite(target, samples, **options)
    back = tifffile.imread(BytesIO(target.getvalue()))
    assert np.array_equal(back.reshape(samples.shape), samples) or options.get("compression") in ("jpeg", "webp")
    return target.getvalue()


def picture(dtype: str, channels: int) -> np.ndarray[Any, Any]:
    """H×W or H×W×channels of the full range of `dtype`, no two channels alike."""
    whole = np.dstack([scene(45, 37), scene(37, 45).transpose(1, 0, 2)]).astype(dtype)
    if dtype != "uint8":
        whole = whole * 257 + np.random.default_rng(3).integers(0, 200, whole.shape).astype(dtype)
    return whole[..., 0].copy() if channels == 1 else whole[..., :channels].copy()


def eight(samples: np.ndarray[Any, Any]) -> Bytes:
    """The full range as 8 bit, rounded."""
    top = np.iinfo(samples.dtype).max
    return (samples.astype(np.float64) * 255 / top).round().astype(np.uint8)


def on_paper(inks: Bytes) -> Bytes:
    """CMYK as naive RGB."""
    share = 1 - inks.astype(np.float64) / 255
    return (share[..., :3] * share[..., 3:] * 255).round().astype(np.uint8)


def layouts() -> Iterator[dict[str, Any]]:
    """Strips and tiles, both byte orders, interleaved and separate samples."""
    sizes: tuple[dict[str, Any], ...] = ({"rowsperstrip": 7}, {"tile": (32, 16)})
    for order, planar, block in itertools.product("<>", ("contig", "separate"), sizes):
        yield {"byteorder": order, "planarconfig": planar, **block}


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("code", "predictor"), [(code, after) for code in CODES for after in (False, True)[: 2 - (code in _UNPREDICTED)]]
)
def test_every_layout_of_every_compression_gives_the_samples(code: str, dtype: str, predictor: bool) -> None:
    """Grey, RGB, straight alpha and CMYK × byte order × planes × strips and tiles × predictor."""
    how = {"compression": None if code == "none" else code, "predictor": predictor or None}
    for layout in layouts():
        for channels, photometric in ((1, "minisblack"), (3, "rgb"), (4, "rgb"), (4, "separated")):
            samples = picture(dtype, channels)
            apart = layout["planarconfig"] == "separate" and channels > 1
            options = {**how, **layout, "photometric": photometric}
            if channels == 1:
                options.pop("planarconfig")
            if photometric == "rgb" and channels == 4:
                options["extrasamples"] = ["unassalpha"]
            stored = np.ascontiguousarray(samples.transpose(2, 0, 1)) if apart else samples
            photograph = read(written(stored, **options))
            colour = on_paper(eight(samples)) if photometric == "separated" else eight(samples)
            colour = np.dstack([colour] * 3) if channels == 1 else colour[..., :3]
            assert np.abs(photograph.rgb.astype(int) - colour).max() <= (1 if photometric == "separated" else 0), (
                options
            )
            if photometric == "rgb" and channels == 4:
                assert photograph.alpha is not None, options
                assert np.array_equal(photograph.alpha, eight(samples)[..., 3]), options
            assert photograph.notes == ((CMYK_NOTE,) if photometric == "separated" else ()), options


@pytest.mark.parametrize(
    ("bits", "channels"), [(1, 1), *((bits, channels) for bits in (2, 4, 6, 10, 12, 14) for channels in (1, 3))]
)
def test_odd_numbers_of_bits_are_stretched_to_the_full_range(bits: int, channels: int) -> None:
    """The largest value is white for any number of bits, and each row starts at a byte boundary."""
    whole = picture("uint16", channels) >> (16 - bits)
    samples = whole.astype("uint8" if bits <= 8 else "uint16")
    if bits == 1:
        samples = samples.astype(bool)
    target = BytesIO()
    photometric = "minisblack" if channels == 1 else "rgb"
    options = {} if bits == 1 else {"bitspersample": bits}
    tifffile.imwrite(target, samples, photometric=photometric, rowsperstrip=8, **options)
    expected = (whole.astype(np.float64) * 255 / ((1 << bits) - 1)).round().astype(np.uint8)
    rgb = read(target.getvalue()).rgb
    assert np.abs(rgb.astype(int) - (np.dstack([expected] * 3) if channels == 1 else expected)).max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_multiplied_by_alpha_are_divided_by_it(dtype: str, planar: Any) -> None:
    """Associated alpha is converted to straight alpha, so that soft rims do not become dark."""
    samples = picture(dtype, 4)
    top = np.iinfo(samples.dtype).max
    share = samples[..., 3:].astype(np.float64) / top
    samples[..., :3] = (samples[..., :3] * share).round()
    stored = np.ascontiguousarray(samples.transpose(2, 0, 1)) if planar == "separate" else samples
    photograph = read(written(stored, photometric="rgb", extrasamples=["assocalpha"], planarconfig=planar))
    expected = np.clip(samples[..., :3] / np.maximum(share, 1e-9), 0, top) * 255 / top
    seen = share[..., 0] > 0.02
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha, eight(samples)[..., 3])
    assert np.abs(photograph.rgb.astype(int) - expected)[seen].max() <= 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("alpha", [False, True])
def test_white_may_be_zero(dtype: str, alpha: bool) -> None:
    """Grey that counts from white is inverted, and its alpha is not."""
    samples = picture(dtype, 1)
    options = {"extrasamples": ["unassalpha"], "planarconfig": "contig"} if alpha else {}
    stored = np.dstack([samples, samples]) if alpha else samples
    photograph = read(written(stored, photometric="miniswhite", **options))
    assert np.array_equal(photograph.rgb[..., 0], 255 - eight(samples))
    assert (photograph.alpha is not None) == alpha
    assert photograph.alpha is None or np.array_equal(photograph.alpha, eight(samples))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_palettes_are_looked_up(dtype: str) -> None:
    """Palettes of up to 65536 colours are read, and 16-bit colours are rounded to 8 bit."""
    samples = picture(dtype, 1)
    colours = np.random.default_rng(1).integers(0, 65536, (3, np.iinfo(dtype).max + 1), np.uint16)
    rgb = read(written(samples, photometric="palette", colormap=colours)).rgb
    assert np.array_equal(rgb, eight(colours.T)[samples])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
def test_lab_becomes_srgb(dtype: str, photometric: str) -> None:
    """CIE Lab has signed a and b and ICC Lab shifted ones; known colours come out in 8 and in 16 bit."""
    known = {(100, 0, 0): (255, 255, 255), (53.585, 0, 0): (128, 128, 128), (54.29, 80.81, 69.89): (255, 0, 0)}
    rows = []
    for light, a, b in known:
        if dtype == "uint8":
            rows.append(
                [light * 2.55, a % 256 if photometric == "cielab" else a + 128, b + 128 * (photometric == "icclab")]
            )
        elif photometric == "cielab":
            rows.append([light * 655.35, a * 256, b * 256])
        else:
            rows.append([light * 652.8, (a + 128) * 256, (b + 128) * 256])
    flat = np.array(rows).round().astype(dtype)
    samples = np.repeat(np.repeat(flat[:, None, None], 9, axis=1), 9, axis=2).reshape(-1, 9, 3)
    rgb = read(written(samples, photometric=photometric)).rgb
    for place, colour in enumerate(known.values()):
        assert np.abs(rgb[9 * place + 4, 4].astype(int) - colour).max() <= 2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("block", [{"rowsperstrip": 16}, {"tile": (32, 32)}])
def test_embedded_jpeg_and_webp_are_read(channels: int, block: dict[str, Any]) -> None:
    """Strips and tiles may themselves be images, in RGB or in luminance and colour."""
    samples = picture("uint8", channels)
    expected = np.dstack([samples] * 3) if channels == 1 else samples
    for code, options in (
        ("jpeg", {"compressionargs": {"level": 95}}),
        ("webp", {"compressionargs": {"level": 100, "lossless": True}}),
    ):
        if code == "webp" and channels == 1:
            continue
        for photometric in ("minisblack",) if channels == 1 else ("rgb", "ycbcr"):
            if (code, photometric) == ("webp", "ycbcr"):
                continue
            target = BytesIO()
            tifffile.imwrite(target, samples, compression=code, photometric=photometric, **block, **options)
            rgb = read(target.getvalue()).rgb
            back = tifffile.imread(BytesIO(target.getvalue()))
            assert np.abs(rgb.astype(int) - (back if back.ndim == 3 else back[..., None])).max() <= 4
            assert photometric == "ycbcr" or np.abs(rgb.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("code", ["none", "lzw", "zlib", "packbits"])
def test_the_bit_order_may_be_reversed(code: str) -> None:
    """Fill order 2 means that each byte of the file is mirrored, compressed or not."""
    samples = picture("uint8", 3)
    target = BytesIO()
    how = {"compression": None if code == "none" else code, "extratags": [(65000, 3, 1, 2, True)]}
    tifffile.imwrite(target, samples, photometric="rgb", **how)
    data = bytearray(target.getvalue().replace(struct.pack("<HHI", 65000, 3, 1), struct.pack("<HHI", 266, 3, 1)))
    with tifffile.TiffFile(BytesIO(bytes(data))) as file:
        places = list(zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))
    for start, size in places:
        data[start : start + size] = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data[start : start + size])
    assert np.array_equal(read(bytes(data)).rgb, samples)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_bigtiff_and_every_orientation_are_read(bigtiff: bool, orientation: int) -> None:
    """BigTIFF uses wider numbers, and the orientation is applied once."""
    from cutouts.adapters.images.decode import orient

    samples = picture("uint8", 3)
    data = written(samples, photometric="rgb", bigtiff=bigtiff, extratags=[(274, 3, 1, orientation, True)])
    assert read_size(data) == (45, 37)
    assert np.array_equal(read(data).rgb, orient(samples, orientation))


@pytest.mark.parametrize(
    ("samples", "options", "word"),
    [
        (np.zeros((16, 16), np.float32), {}, "floating point"),
        (np.zeros((16, 16, 3), np.float16), {"photometric": "rgb"}, "floating point"),
        (np.zeros((16, 16), np.int16), {}, "signed"),
        (np.zeros((16, 16), np.int8), {}, "signed"),
        (np.zeros((16, 16), np.uint64), {}, "64 bit"),
        (np.zeros((16, 16), np.uint8), {"compression": "jpeg2000"}, "JPEG 2000"),
        (np.zeros((16, 16), np.uint8), {"compression": "lerc"}, "LERC"),
        (np.zeros((16, 16), np.uint8), {"compression": "jpegxl"}, "JPEG XL"),
    ],
)
def test_samples_without_a_known_white_are_refused_by_name(samples: Any, options: dict[str, Any], word: str) -> None:
    """Float, signed and very long numbers and unsupported compressions are refused."""
    target = BytesIO()
    tifffile.imwrite(target, samples, **options)
    with pytest.raises(ImageRejected) as caught:
        read(target.getvalue())
    assert caught.value.reason is RejectionReason.UNSUPPORTED
    assert word in caught.value.detail


def test_extra_samples_are_left_out_with_a_note() -> None:
    """Channels of unspecified meaning are not taken for alpha."""
    samples = np.dstack([picture("uint8", 4), picture("uint8", 3)])
    photograph = read(written(samples, photometric="rgb", extrasamples=["unspecified"] * 4, planarconfig="contig"))
    assert np.array_equal(photograph.rgb, samples[..., :3])
    assert photograph.alpha is None
    assert photograph.notes == ("it has 4 channels of unspecified meaning besides its colours: ignored",)


def pages(count: int) -> tuple[bytes, list[int]]:
    """A TIFF of that many pages, and the positions of the offsets of each next page."""
    target = BytesIO()
    with tifffile.TiffWriter(target) as writer:
        for _ in range(count):
            writer.write(picture("uint8", 3), photometric="rgb", contiguous=False)
    with tifffile.TiffFile(BytesIO(target.getvalue())) as file:
        starts = [page.offset for page in file.pages]
    data = target.getvalue()
    return data, [start + 2 + 12 * struct.unpack_from("<H", data, start)[0] for start in starts]


def test_only_the_first_page_has_to_be_whole() -> None:
    """A damaged second page, one beyond the end of the file and pages in a cycle are ignored."""
    data, nexts = pages(3)
    with tifffile.TiffFile(BytesIO(data)) as file:
        second = file.pages[1].offset
    for start, broken in ((second, b"\xff" * 40), (nexts[0], struct.pack("<I", len(data) + 99)), (nexts[2], data[4:8])):
        photograph = read(data[:start] + broken + data[start + len(broken) :])
        assert np.array_equal(photograph.rgb, picture("uint8", 3))
    assert "only the first is used" in read(data).notes[0]


def test_the_full_picture_is_preferred_to_a_reduced_copy() -> None:
    """Programs put a preview first, which must not replace the picture."""
    target = BytesIO()
    with tifffile.TiffWriter(target) as writer:
        writer.write(picture("uint8", 3)[::2, ::2].copy(), photometric="rgb", subfiletype=1)
        writer.write(picture("uint8", 3), photometric="rgb")
    photograph = read(target.getvalue())
    assert read_size(target.getvalue()) == (45, 37)
    assert np.array_equal(photograph.rgb, picture("uint8", 3))
    assert photograph.notes == ("it has 2 pages: only the first full-size one is used",)


@pytest.mark.parametrize("code", CODES)
def test_cut_off_or_damaged_strips_are_refused(code: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The two are told apart, and nothing is written to stderr."""
    data = written(picture("uint8", 3), photometric="rgb", compression=None if code == "none" else code)
    with tifffile.TiffFile(BytesIO(data)) as file:
        start, size = file.pages[0].dataoffsets[0], sum(file.pages[0].databytecounts)
    with pytest.raises(ImageRejected) as caught:
        read(data[: start + size // 2])
    assert caught.value.reason is RejectionReason.TRUNCATED
    if code not in ("none", "packbits"):
        with pytest.raises(ImageRejected) as caught:
            read(data[: start + size // 3] + b"\xa5" * (size // 3) + data[start + size // 3 * 2 :])
        assert caught.value.reason in (RejectionReason.DAMAGED, RejectionReason.TRUNCATED)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("code", [None, "tiff_lzw"])
def test_luminance_and_colour_are_converted_to_rgb(code: str | None) -> None:
    """This also works outside of JPEG; if colour is subsampled, the file is refused by name."""
    options = {"compression": code} if code else {}
    stored = Image.fromarray(scene()).convert("YCbCr")
    data = saved(stored, "TIFF", **options)
    assert np.abs(read(data).rgb.astype(int) - np.asarray(stored.convert("RGB"))).max() <= 1
    place = data.index(struct.pack("<HH", 530, 3)) + 8
    with pytest.raises(ImageRejected) as caught:
        read(data[:place] + struct.pack("<HH", 2, 2) + data[place + 4 :])
    assert caught.value.reason is RejectionReason.UNSUPPORTED


def test_a_palette_of_8_bit_colours_is_not_stretched() -> None:
    """Programs that know only 8 bit leave the lower or the upper bytes empty."""
    palette = np.random.default_rng(1).integers(0, 256, (3, 256)).astype(np.uint16)
    samples = picture("uint8", 1)
    for stored in (palette << 8, palette, palette * 257):
        assert np.array_equal(read(written(samples, photometric="palette", colormap=stored)).rgb, palette.T[samples])
