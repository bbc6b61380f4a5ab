"""Photographs of every kind come out upright, in sRGB and 8 bit, or are rejected with a specific reason."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from cutouts.adapters.images import SUFFIXES, decode, read_size
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import exif, scene, written

PLENTY = 1_000_000
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "progressive jpeg": ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "avif": ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    "heic": ("HEIF", {"quality": 100, "chroma": 444}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "bmp": ("BMP", {}),
    "gif": ("GIF", {}),
}
TURNABLE = [name for name in FORMS if name not in ("bmp", "gif")]


def read(data: bytes) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=PLENTY)


def refusal(data: bytes, max_pixels: int = PLENTY) -> ImageRejected:
    """The rejection of `data`."""
    with pytest.raises(ImageRejected) as caught:
        decode(data, max_pixels=max_pixels)
    return caught.value


def off(one: Bytes, other: Bytes) -> float:
    """Mean absolute difference in levels; infinite if the shapes differ."""
    return float(np.abs(one.astype(int) - other).mean()) if one.shape == other.shape else float("inf")


@pytest.mark.parametrize("name", FORMS)
def test_each_format_gives_the_picture_that_was_written(name: str) -> None:
    """Every format is decoded to uint8 RGB of the same picture, without alpha and without notes."""
    form, options = FORMS[name]
    photograph = read(written(scene(), form, **options))
    assert photograph.rgb.dtype == np.uint8
    assert photograph.rgb.flags.writeable
    assert photograph.rgb.flags.c_contiguous
    assert off(photograph.rgb, scene()) < (8 if name == "gif" else 3)
    assert (photograph.alpha, photograph.notes) == (None, ())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", TURNABLE)
def test_pictures_are_turned_upright_exactly_once(name: str, orientation: int) -> None:
    """Whatever orientation EXIF or the container states, the picture comes out upright."""
    form, options = FORMS[name]
    methods = Image.Transpose
    stored = {  # how a camera held in this orientation stores the upright picture
        1: None,
        2: methods.FLIP_LEFT_RIGHT,
        3: methods.ROTATE_180,
        4: methods.FLIP_TOP_BOTTOM,
        5: methods.TRANSPOSE,
        6: methods.ROTATE_90,
        7: methods.TRANSVERSE,
        8: methods.ROTATE_270,
    }[orientation]
    upright = Image.fromarray(scene())
    data = written(upright if stored is None else upright.transpose(stored), form, exif=exif(orientation), **options)
    assert off(read(data).rgb, scene()) < 3


def test_alpha_is_turned_with_its_picture() -> None:
    """The orientation applies to alpha as well."""
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:10, :20] = 200
    stored = np.rot90(np.dstack([scene(), alpha]))
    photograph = read(written(np.ascontiguousarray(stored), "PNG", exif=exif(6)))
    assert np.array_equal(photograph.rgb, scene())
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha, alpha)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "heic", "bmp", "gif", "tiff"])
def test_the_size_is_read_from_the_header_alone(name: str) -> None:
    """Width and height as stored are known from the first 64 KiB, whatever follows."""
    form, options = FORMS[name]
    data = written(scene(300, 200), form, **options)
    assert read_size(data) == (300, 200)
    assert read_size(data[:65536]) == (300, 200)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0\xff\xff\xff\xff", b"no image"])
def test_no_size_is_read_if_none_is_stated(data: bytes) -> None:
    """A file that is not an image, or is cut off before it states its size, has no size."""
    assert read_size(data) is None


def test_the_first_picture_of_a_stereo_photograph_is_read() -> None:
    """Some telephones and cameras write MPO files: JPEGs with further pictures behind the first."""
    first, second = Image.fromarray(scene()), Image.fromarray(scene()[:, ::-1])
    data = written(first, "MPO", quality=95, save_all=True, append_images=[second])
    assert np.abs(decode(data, max_pixels=10**6).rgb.astype(int) - np.asarray(first)).mean() < 4


def test_suffixes_are_lower_case_with_a_dot() -> None:
    """They can be compared with the suffix of a lower-cased path."""
    assert {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".tif", ".tiff", ".mpo"} <= SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in SUFFIXES)


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp", "avif", "heic", "tiff", "lzw tiff", "bmp"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_cut_off_files_are_refused_as_cut_off(name: str, share: float) -> None:
    """A file that ends too early is told from one that is not an image and is never half decoded."""
    form, options = FORMS[name]
    data = written(scene(120, 90), form, **options)
    assert refusal(data[: int(len(data) * share)]).reason is RejectionReason.TRUNCATED


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp", "avif", "heic"])
def test_a_file_that_ends_in_zeros_is_refused(name: str) -> None:
    """A file of the right length whose second half never arrived is detected."""
    form, options = FORMS[name]
    data = written(scene(120, 90), form, **options)
    half = len(data) // 2
    assert refusal(data[:half] + bytes(len(data) - half)).reason is RejectionReason.TRUNCATED


@pytest.mark.parametrize(
    "tail", [b"\xff\xd9", np.random.default_rng(5).bytes(9000) + b"\xff\xd9", b"x" * 4096 + b"\xff\xd9"]
)
def test_a_cut_off_jpeg_with_something_appended_is_refused(tail: bytes) -> None:
    """An end marker or other bytes appended after the break do not hide it."""
    data = written(scene(320, 240), "JPEG", quality=95)
    reason = refusal(data[: len(data) * 2 // 3] + tail).reason
    assert reason in (RejectionReason.TRUNCATED, RejectionReason.DAMAGED)


def test_a_jpeg_with_a_truly_grey_corner_is_accepted() -> None:
    """A backdrop may have exactly the grey that stands for missing data."""
    grey = np.full((96, 128, 3), 128, np.uint8)
    grey[:48] = scene(128, 48)
    photograph = read(written(grey, "JPEG", quality=95))
    assert (photograph.rgb[-1, -1] == 128).all()
    assert off(photograph.rgb, grey) < 3


@pytest.mark.parametrize("name", FORMS)
def test_bytes_after_a_whole_picture_are_ignored(name: str) -> None:
    """Cameras append previews, videos and notes after the picture, and programs append zeros and zip archives."""
    form, options = FORMS[name]
    data = written(scene(), form, **options)
    video = b"\0\0\0\x14ftypmp42\0\0\0\0mp42" + b"\0\0\1\0mdat" + bytes(range(248))
    zipped = b"PK\3\4" + b"photographs/a.jpg" * 40
    tails = [b"x", b"12345678", b"\0" * 999 + data, data, b"\0" * 4096, zipped, video, b"\0\0\1\0free"]
    for tail in tails:
        photograph = read(data + tail)
        assert np.array_equal(photograph.rgb, read(data).rgb)
        assert photograph.notes == ()


def test_fill_bytes_before_a_marker_take_no_time() -> None:
    """Any number of them counts as one marker; looking at twenty million one by one would take a minute."""
    data = written(scene(), "JPEG")
    filled = data[:2] + b"\xff" * 20_000_000 + data[2:]
    assert np.array_equal(read(filled).rgb, read(data).rgb)


def test_an_impossible_size_is_not_called_cut_off() -> None:
    """The header is complete but wrong; a height that a JPEG states later is not supported."""
    bmp, png = bytearray(written(scene(), "BMP")), bytearray(written(scene(), "PNG"))
    bmp[18:22] = struct.pack("<i", -64)
    png[16:20] = bytes(4)
    jpeg = bytearray(written(scene(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 7] = bytes(2)
    assert "it states a size of -64×48 px" in str(refusal(bytes(bmp)))
    assert refusal(bytes(png)).reason is RejectionReason.DAMAGED
    assert (refusal(bytes(jpeg)).reason, "DNL" in str(refusal(bytes(jpeg)))) == (RejectionReason.UNSUPPORTED, True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", RejectionReason.EMPTY),
        (b"\0" * 4096, RejectionReason.NOT_AN_IMAGE),
        (b"these are not the pixels you are looking for", RejectionReason.NOT_AN_IMAGE),
        (b"<!DOCTYPE html><html><body>404</body></html>", RejectionReason.NOT_AN_IMAGE),
        (b"%PDF-1.7 ...", RejectionReason.NOT_AN_IMAGE),
        (b"BM is how this text begins, and it goes on for a while", RejectionReason.NOT_AN_IMAGE),
        (b"8BPS\0\1" + bytes(40), RejectionReason.UNSUPPORTED),
        (b"\xff\x0a" + bytes(40), RejectionReason.UNSUPPORTED),
        (b"\0\0\0\x0cJXL \r\n\x87\n", RejectionReason.UNSUPPORTED),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", RejectionReason.UNSUPPORTED),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", RejectionReason.UNSUPPORTED),
    ],
)
def test_unsupported_files_have_a_specific_reason(data: bytes, reason: RejectionReason) -> None:
    """Empty files, files that are not images and other formats are told apart, whatever their names."""
    rejection = refusal(data)
    assert rejection.reason is reason
    assert rejection.detail
    assert not rejection.retryable


def test_a_pixel_bomb_is_refused_by_its_header() -> None:
    """A few bytes that claim 40,000 × 40,000 px are refused before memory is allocated."""
    data = bytearray(written(scene(), "PNG"))
    data[16:24] = struct.pack(">II", 40_000, 40_000)
    rejection = refusal(bytes(data), max_pixels=100_000_000)
    assert rejection.reason is RejectionReason.TOO_LARGE
    assert "40000×40000 px" in rejection.detail


@pytest.mark.parametrize("name", FORMS)
def test_the_pixel_limit_is_a_setting_of_the_site(name: str) -> None:
    """An image of exactly the limit passes, and a limit one pixel lower refuses it."""
    form, options = FORMS[name]
    data = written(scene(), form, **options)
    assert decode(data, max_pixels=64 * 48).size == (64, 48)
    assert refusal(data, max_pixels=64 * 48 - 1).reason is RejectionReason.TOO_LARGE


def test_a_gif_frame_that_grows_its_canvas_is_measured_again() -> None:
    """A small header does not let a large frame through."""
    data = bytearray(written(scene(), "GIF"))
    frame = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    assert refusal(bytes(data)).reason is RejectionReason.TOO_LARGE


@pytest.mark.parametrize("size", [(7, 100), (100, 7), (1, 1)])
def test_pictures_too_small_to_show_anything_are_refused(size: tuple[int, int]) -> None:
    """A tracking pixel, for example, is not a photograph."""
    assert refusal(written(scene()[: size[1], : size[0]], "PNG")).reason is RejectionReason.TOO_SMALL


@pytest.mark.parametrize(("form", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("AVIF", {})])
def test_the_first_frame_of_an_animation_is_used_with_a_note(form: str, options: dict[str, Any]) -> None:
    """The note states the number of frames."""
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    data = written(first, form, save_all=True, append_images=[second, first], duration=40, **options)
    photograph = read(data)
    assert off(photograph.rgb, scene()) < 8
    assert photograph.notes == ("it is animated (3 frames): only the first is used",)


def test_the_first_page_of_a_tiff_is_used_with_a_note() -> None:
    """The note states the number of pages."""
    data = written(scene(), "TIFF", save_all=True, append_images=[Image.fromarray(255 - scene())])
    photograph = read(data)
    assert np.array_equal(photograph.rgb, scene())
    assert photograph.notes == ("it has 2 pages: only the first is used",)


def test_a_raw_file_is_not_replaced_by_its_preview() -> None:
    """A TIFF with sensor samples, or one marked as DNG, is not cut out at the size of its thumbnail."""
    rejection = refusal(written(scene(), "TIFF", tiffinfo={254: 1, 50706: b"\1\4\0\0"}))
    assert (rejection.reason, rejection.detail) == (
        RejectionReason.UNSUPPORTED,
        "camera raw (only its preview could be read)",
    )
    pages = Image.fromarray(scene()), Image.fromarray(255 - scene())
    data = written(pages[0], "TIFF", save_all=True, append_images=[pages[1]])
    second = struct.unpack_from("<I", data, 4)[0]
    second = struct.unpack_from("<I", data, second + 2 + 12 * struct.unpack_from("<H", data, second)[0])[0]
    place = data.index(struct.pack("<HH", 262, 3), second) + 8
    sensor = data[:place] + struct.pack("<H", 32803) + data[place + 2 :]
    assert "camera raw" in refusal(sensor).detail


def test_a_tiff_marked_as_a_reduced_copy_is_not_camera_raw() -> None:
    """It is used with a note; if the larger picture is in the file, that one is used."""
    photograph = read(written(scene(), "TIFF", tiffinfo={254: 1}))
    assert np.array_equal(photograph.rgb, scene())
    assert "smaller copy" in photograph.notes[0]
    small, large = Image.fromarray(scene()[::2, ::2].copy()), Image.fromarray(scene())
    small.encoderinfo = {"tiffinfo": {254: 1}}
    photograph = read(written(small, "TIFF", save_all=True, append_images=[large], tiffinfo={254: 1}))
    assert photograph.size in ((64, 48), (32, 24))


def test_several_threads_may_decode_at_once() -> None:
    """Every thread gets the same pixels."""
    files = [written(scene(), form, **options) for form, options in FORMS.values()] * 4
    alone = [read(data).rgb for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: read(data).rgb, files))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_an_ordinary_jpeg_keeps_the_pixels_of_the_decoder() -> None:
    """The pixels of an ordinary photograph are not changed."""
    data = written(scene(), "JPEG", quality=90)
    expected = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB))
    assert np.array_equal(read(data).rgb, expected)
