"""Colours and pixel layouts: profiles, CMYK, 16 bit, palettes, grey and alpha."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from cutouts.adapters.images import decode
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from tests.adapters.pictures import CURVES, cmyk, display_p3, grey_gamma, scene, srgb, written


def read(data: bytes) -> Photograph:
    """`data` decoded with ample memory."""
    return decode(data, max_pixels=1_000_000)


def reference(image: Image.Image, profile: bytes) -> Bytes:
    """The result of lcms2, relative colorimetric without black point compensation."""
    moved = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    return np.asarray(moved)


def furthest(one: Bytes, other: Bytes) -> int:
    """Largest difference in levels."""
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 95}),
        ("AVIF", {"quality": 90}),
        ("HEIF", {"quality": 90}),
    ],
)
def test_a_wide_gamut_profile_is_converted_to_srgb(form: str, options: dict[str, Any]) -> None:
    """In every format that carries profiles the pixels match lcms2 and differ from those stored."""
    profile = display_p3()
    with_profile = read(written(scene(), form, icc_profile=profile, **options)).rgb
    stored = read(written(scene(), form, **options)).rgb
    assert furthest(with_profile, reference(Image.fromarray(stored), profile)) <= 1
    assert furthest(with_profile, stored) > 10


@pytest.mark.parametrize("kind", CURVES)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_every_kind_of_tone_curve_is_applied(kind: str, form: str) -> None:
    """Power, table and parametric curves match lcms2 within one level for every colour."""
    profile = display_p3(CURVES[kind])
    colours = np.random.default_rng(9).integers(0, 256, (128, 128, 3), np.uint8)
    stored = read(written(colours, form, quality=95)).rgb
    managed = read(written(colours, form, quality=95, icc_profile=profile)).rgb
    assert furthest(managed, reference(Image.fromarray(stored), profile)) <= 1


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_profile_equivalent_to_srgb_changes_no_bit(form: str) -> None:
    """If the transform would change nothing, none is done and no note is left."""
    photograph = read(written(scene(), form, icc_profile=srgb()))
    assert np.array_equal(photograph.rgb, read(written(scene(), form)).rgb)
    assert photograph.notes == ()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("profile", [b"not a profile at all", srgb()[:200], cmyk()])
def test_a_broken_or_unsuitable_profile_is_treated_as_srgb_with_a_note(form: str, profile: bytes) -> None:
    """A bad profile does not reject the picture."""
    photograph = read(written(scene(), form, icc_profile=profile))
    assert np.array_equal(photograph.rgb, read(written(scene(), form)).rgb)
    (note,) = photograph.notes
    assert "colour profile" in note
    assert "treated as sRGB" in note


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_grey_profile_is_applied_to_a_grey_picture(form: str) -> None:
    """Grey of gamma 1.0 is much lighter in sRGB."""
    grey = Image.fromarray(scene()[..., 0])
    photograph = read(written(grey, form, icc_profile=grey_gamma(1.0)))
    stored = read(written(grey, form)).rgb
    assert furthest(photograph.rgb, reference(Image.fromarray(stored[..., 0].copy()), grey_gamma(1.0))) <= 1
    assert photograph.rgb.mean() > stored.mean() + 20


def test_an_rgb_profile_is_applied_to_a_grey_picture() -> None:
    """Programs that convert pictures to grey often keep the profile."""
    grey = Image.fromarray(scene()[..., 0])
    photograph = read(written(grey, "JPEG", icc_profile=srgb()))
    assert photograph.notes == ()
    assert furthest(photograph.rgb, read(written(grey, "JPEG")).rgb) == 0


def inks() -> Image.Image:
    """A CMYK picture with all four inks."""
    return Image.fromarray(np.dstack([scene(), scene()[..., 0] // 3]), "CMYK")


@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 95}), ("TIFF", {})])
def test_cmyk_is_converted_with_its_own_profile(form: str, options: dict[str, Any]) -> None:
    """This holds for Adobe's inverted JPEG as well as for TIFF."""
    data = written(inks(), form, icc_profile=cmyk(), **options)
    stored = Image.open(BytesIO(data))
    photograph = read(data)
    assert furthest(photograph.rgb, reference(stored, cmyk())) <= 1
    assert photograph.notes == ()


@pytest.mark.parametrize(("form", "bound"), [("JPEG", 6), ("TIFF", 1)])
def test_cmyk_without_a_profile_is_approximated_with_a_note(form: str, bound: int) -> None:
    """White paper stays white and black ink black, and a note says that the colours are approximate."""
    paper = np.zeros((32, 32, 4), np.uint8)
    paper[:16, :, 3] = 255
    photograph = read(written(Image.fromarray(paper, "CMYK"), form))
    assert photograph.rgb[24:].min() >= 255 - bound
    assert photograph.rgb[:8].max() <= bound
    assert "CMYK without a usable colour profile" in photograph.notes[0]


def test_cmyk_without_an_adobe_marker_is_not_inverted() -> None:
    """Without the marker a JPEG stores ink directly, and 255 is full ink."""
    paper = np.zeros((32, 32, 4), np.uint8)
    paper[:16, :, 3] = 255
    data = written(Image.fromarray(paper, "CMYK"), "JPEG")
    start = data.index(b"\xff\xee")
    without = data[:start] + data[start + 16 :]
    assert np.abs(read(without).rgb.astype(int) - (255 - read(data).rgb.astype(int))).mean() > 50


def test_ycck_is_converted_to_cmyk() -> None:
    """Adobe's transform flag 2 says that the inks are stored as luminance and colour."""
    flat = np.full((32, 32, 4), (0, 0, 0, 100), np.uint8)
    data = written(Image.fromarray(flat, "CMYK"), "JPEG", quality=100)
    marker = data.index(b"Adobe") + 11
    ycck = data[:marker] + b"\2" + data[marker + 1 :]
    photograph = read(ycck)  # inverted inks of 255, 255, 255 are no longer white if read as luminance and colour
    assert furthest(photograph.rgb, read(data).rgb) > 50
    assert photograph.size == (32, 32)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_samples_are_scaled_and_not_clipped(suffix: str, channels: int) -> None:
    """The full range of 16 bit becomes the full range of 8 bit."""
    ramp = np.repeat(np.linspace(0, 65535, 256).round().astype(np.uint16)[None], 16, axis=0)
    picture = ramp if channels == 1 else np.dstack([ramp] * channels)
    written_file = cv2.imencode(suffix, picture)[1].tobytes()
    photograph = read(written_file)
    for channel in range(3):
        assert furthest(photograph.rgb[..., channel], np.tile(np.arange(256, dtype=np.uint8), (16, 1))) <= 1
    assert (photograph.alpha is not None) == (channels == 4)


def test_sixteen_bit_grey_may_have_a_transparent_value() -> None:
    """The grey level that stands for transparent becomes alpha 0."""
    grey = np.full((16, 16), 40_000, np.uint16)
    grey[4:12, 4:12] = 40_001
    photograph = read(written(Image.fromarray(grey), "PNG", transparency=40_000))
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha, np.where(grey == 40_001, 255, 0))


def test_a_jpeg_may_store_rgb_directly() -> None:
    """Adobe's transform flag 0 says that the three channels are not luminance and colour."""
    assert furthest(read(written(scene(), "JPEG", keep_rgb=True, quality=100)).rgb, scene()) <= 3


def test_white_may_be_zero_in_a_sixteen_bit_tiff() -> None:
    """The photometric tag is honoured for 16-bit grey."""
    ramp = np.repeat(np.linspace(0, 65535, 256).round().astype(np.uint16)[None], 16, axis=0)
    photograph = read(written(Image.fromarray(ramp), "TIFF", tiffinfo={262: 0}))
    assert photograph.rgb[0, 0, 0] > 250
    assert photograph.rgb[0, -1, 0] < 5


def test_floating_point_pixels_are_refused_as_unsupported() -> None:
    """The level of white is unknown."""
    with pytest.raises(ImageRejected) as caught:
        read(written(Image.fromarray(scene()[..., 0].astype(np.float32)), "TIFF"))
    assert caught.value.reason is RejectionReason.UNSUPPORTED


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palette_s_transparent_colour_becomes_alpha(form: str) -> None:
    """One palette entry that is transparent gives alpha 0 there and 255 elsewhere."""
    indices = np.zeros((16, 16), np.uint8)
    indices[4:12, 4:12] = 1
    image = Image.fromarray(indices, "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    photograph = read(written(image, form, transparency=0))
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha, indices * 255)
    assert (photograph.rgb[8, 8] == (0, 0, 255)).all()


def test_a_palette_without_transparency_has_no_alpha() -> None:
    """Palette pictures become plain RGB."""
    image = Image.fromarray(scene()).quantize(32)
    photograph = read(written(image, "PNG"))
    assert photograph.alpha is None
    assert np.array_equal(photograph.rgb, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "group4"})])
def test_one_bit_pictures_become_black_and_white(form: str, options: dict[str, Any]) -> None:
    """0 and 1 become 0 and 255."""
    image = Image.fromarray(scene()[..., 0]).convert("1")
    assert np.array_equal(read(written(image, form, **options)).rgb, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_grey_pictures_get_three_equal_channels(form: str) -> None:
    """Grey stays grey."""
    rgb = read(written(Image.fromarray(scene()[..., 0]), form)).rgb
    assert np.array_equal(rgb[..., 0], rgb[..., 1])
    assert np.array_equal(rgb[..., 1], rgb[..., 2])
    assert np.abs(rgb[..., 0].astype(int) - scene()[..., 0]).mean() < 3


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("PNG", "RGBA", {}),
        ("PNG", "LA", {}),
        ("WEBP", "RGBA", {"lossless": True, "exact": True}),
        ("AVIF", "RGBA", {"quality": 100}),
        ("HEIF", "RGBA", {"quality": -1}),
        ("TIFF", "RGBA", {}),
    ],
)
def test_alpha_is_kept_beside_the_colours(form: str, mode: str, options: dict[str, Any]) -> None:
    """Existing transparency is returned separately and not mixed into the colours."""
    alpha = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    image = Image.fromarray(scene()).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    photograph = read(written(image, form, **options))
    assert photograph.alpha is not None
    assert furthest(photograph.alpha, alpha) <= 1
    assert np.abs(photograph.rgb.astype(int) - np.asarray(image.convert("RGB"))).mean() < 3


def test_fully_opaque_alpha_is_dropped() -> None:
    """An alpha channel that is opaque throughout is not kept."""
    assert read(written(Image.fromarray(scene()).convert("RGBA"), "PNG")).alpha is None


def test_a_profile_applies_to_colours_and_not_to_alpha() -> None:
    """A profile speaks of colours only."""
    alpha = Image.fromarray(scene()[..., 1])
    image = Image.fromarray(scene())
    image.putalpha(alpha)
    photograph = read(written(image, "PNG", icc_profile=display_p3()))
    assert furthest(photograph.rgb, reference(Image.fromarray(scene()), display_p3())) <= 1
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha, np.asarray(alpha))


def stated(form: str, primaries: int, transfer: int) -> bytes:
    """`scene()` in a file that states these code points; its samples stay the same."""
    data = written(scene(), form, quality=90)
    place = data.index(b"colrnclx") + 8
    return data[:place] + primaries.to_bytes(2, "big") + transfer.to_bytes(2, "big") + data[place + 4 :]


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_code_points_of_a_wide_gamut_are_applied(form: str) -> None:
    """P3 by code points matches P3 by profile, and the code points of sRGB change nothing."""
    stored = read(written(scene(), form, quality=90)).rgb
    photograph = read(stated(form, 12, 13))
    assert furthest(photograph.rgb, reference(Image.fromarray(stored), display_p3(CURVES["parametric 3"]))) <= 2
    assert furthest(photograph.rgb, stored) > 10
    assert photograph.notes == ()
    assert np.array_equal(read(stated(form, 1, 13)).rgb, stored)


@pytest.mark.parametrize("form", ["AVIF", "HEIF"])
def test_high_dynamic_range_by_code_points_is_converted_to_srgb_with_a_note(form: str) -> None:
    """Middle values of PQ are bright in sRGB; undefined code points are treated as sRGB, with a note."""
    photograph = read(stated(form, 9, 16))
    assert photograph.notes == ("a high dynamic range picture: highlights brighter than paper white are cut off",)
    if form == "AVIF":  # libheif does not accept them at all
        (note,) = read(stated(form, 77, 13)).notes
        assert "unknown type" in note


def test_adobe_rgb_stated_only_in_exif_is_applied() -> None:
    """Cameras (DCF) write an interoperability index of R03 and no profile."""
    block = Image.Exif()
    block.get_ifd(0x8769)[0xA001] = 0xFFFF
    block.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    stored = read(written(scene(), "JPEG", quality=95)).rgb
    photograph = read(written(scene(), "JPEG", quality=95, exif=block.tobytes()))
    assert furthest(photograph.rgb, stored) > 5
    assert photograph.notes == ()
    block.get_ifd(0x8769).pop(0xA005)
    photograph = read(written(scene(), "JPEG", quality=95, exif=block.tobytes()))
    assert np.array_equal(photograph.rgb, stored)
    assert "not sRGB" in photograph.notes[0]


def test_lab_tiffs_become_srgb() -> None:
    """Lab white is white, Lab grey is grey."""
    lab = ImageCms.profileToProfile(
        Image.fromarray(scene()), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert furthest(read(written(lab, "TIFF")).rgb, scene()) <= 12
