"""The files of renditions, read by other decoders: size, profile, metadata, and what must not be in them."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from cutouts.adapters.images import decode
from cutouts.adapters.images.encoding import encode, source_type_of
from cutouts.core.errors import ImageRejected
from cutouts.core.file_mark import MARK_BYTES, mark_of
from cutouts.core.pixels import Bytes
from cutouts.core.renditions.rendition import LOSSLESS, FileFormat, Rendition, parse_renditions

FORMATS: tuple[FileFormat, ...] = ("jpeg", "png", "webp", "webp-lossless", "avif")
PILLOW = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "webp-lossless": "WEBP", "avif": "AVIF"}


def rendition(form: FileFormat, **table: object) -> Rendition:
    """A rendition of this format on white."""
    return parse_renditions({"it": {"format": form, "ground": "white", **table}}, "here")["it"]


def picture(size: int = 160) -> Bytes:
    """A coloured ball with fine noise, on white."""
    image = np.full((size, size, 3), 255, np.uint8)
    noise = np.random.default_rng(1).integers(0, 90, image.shape, dtype=np.uint8)
    mask = np.zeros((size, size), np.uint8)
    cv2.circle(mask, (size // 2, size // 2), size // 3, 1, -1)
    image[mask > 0] = (noise + np.array([140, 20, 60], np.uint8))[mask > 0]
    return image


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_is_what_it_says_and_states_srgb(form: FileFormat) -> None:
    """Pillow and we read it; its profile is sRGB and its XMP names the source type."""
    data = encode(picture(), rendition(form), source_type="algorithmicallyEnhanced", text="a b rendition").data
    with Image.open(BytesIO(data)) as image:
        assert image.format == PILLOW[form]
        assert image.size == (160, 160)
        if form in ("jpeg", "png"):
            assert min(image.info["dpi"]) == pytest.approx(300, abs=0.1)
        if form == "png":
            assert "srgb" in image.info
        else:
            profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
            assert ImageCms.getProfileDescription(profile).strip() == "sRGB"
    assert source_type_of(data) == "algorithmicallyEnhanced"
    assert mark_of(data[:MARK_BYTES], data[-MARK_BYTES:]) == "a b rendition"
    assert np.abs(decode(data, max_pixels=10**6).rgb.astype(int) - picture()).mean() < 8


@pytest.mark.parametrize("form", FORMATS)
def test_equal_pixels_give_equal_files(form: FileFormat) -> None:
    """Files are named by their content, so nothing in them depends on the time or on chance."""
    assert encode(picture(), rendition(form)).data == encode(picture(), rendition(form)).data


@pytest.mark.parametrize("form", sorted(LOSSLESS))
def test_lossless_formats_keep_every_pixel(form: FileFormat) -> None:
    """With and without alpha."""
    rgba = np.dstack([picture(), np.random.default_rng(2).integers(0, 256, (160, 160), dtype=np.uint8)])
    for pixels in (picture(), rgba):
        image = Image.open(BytesIO(encode(pixels, rendition(form)).data))
        assert (np.asarray(image) == pixels).all()


@pytest.mark.parametrize("form", ["jpeg", "webp", "avif"])
def test_the_highest_quality_that_fits_is_found(form: FileFormat) -> None:
    """The file has at most the bytes, and the next quality has more."""
    limit = len(encode(picture(), rendition(form, quality=60)).data) + 10
    found = encode(picture(), rendition(form, max_bytes=limit))
    assert len(found.data) <= limit
    assert found.quality >= 60
    assert len(encode(picture(), rendition(form, quality=found.quality + 1)).data) > limit


def test_a_limit_that_cannot_be_kept_is_refused_with_the_size() -> None:
    """The message says how large the smallest file is, and what to do."""
    for form in ("jpeg", "png"):
        with pytest.raises(ImageRejected, match=r"it has [\d,]+ B .*at most 300 B are allowed: make it smaller"):
            encode(picture(), rendition(form, max_bytes=300))
    with pytest.raises(ImageRejected, match="at quality 90"):
        encode(picture(), rendition("jpeg", max_bytes=5000, min_quality=90))


def test_a_png_that_is_too_large_is_compressed_harder() -> None:
    """If the fast encoder does not fit, the slow one is tried."""
    flat = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    fast = len(encode(flat, rendition("png")).data)
    assert len(encode(flat, rendition("png", max_bytes=fast - 1)).data) < fast


def test_without_metadata_there_is_no_source_type() -> None:
    """`metadata = "none"` leaves XMP out."""
    data = encode(picture(), rendition("jpeg", metadata="none"), source_type="digitalCapture").data
    assert source_type_of(data) is None


def test_a_profile_of_the_photograph_is_kept() -> None:
    """Its bytes are in the file, in each format."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for form in FORMATS:
        data = encode(picture(), rendition(form), profile=profile).data
        with Image.open(BytesIO(data)) as image:
            assert image.info["icc_profile"] == profile


def test_a_generated_source_is_found_among_others() -> None:
    """The type that says that a picture was generated counts, wherever it is in the file."""
    base = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
    assert source_type_of(b"..." + base + b"digitalCapture ..." + base + b"trainedAlgorithmicMedia\0") == (
        "trainedAlgorithmicMedia"
    )
    assert source_type_of(base + b"digitalCapture") == "digitalCapture"
    assert source_type_of(b"nothing") is None


@pytest.mark.parametrize("colour", [(200, 30, 40), (20, 20, 20), (238, 234, 228)])
@pytest.mark.parametrize("quality", [95, 60])
def test_exact_white_is_255_for_every_decoder(colour: tuple[int, int, int], quality: int) -> None:
    """Beside a noisy product of any colour, with a tag and a mark; without the setting, white rings in the same
    picture."""
    image = picture()
    image[(image != 255).any(axis=2)] = np.clip(image[(image != 255).any(axis=2)] // 8 + np.array(colour), 0, 254)
    white = (image == 255).all(axis=2)
    usual = encode(image, rendition("jpeg", quality=quality)).data
    assert (decode(usual, max_pixels=10**6).rgb[white] != 255).any()
    exact = rendition("jpeg", quality=quality, exact_white=True)
    data = encode(image, exact, source_type="digitalCapture", text="a b rendition").data
    assert min(Image.open(BytesIO(data)).info["dpi"]) == 300
    opened = np.asarray(Image.open(BytesIO(data)).convert("RGB"))
    other = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
    for seen in (opened, other, decode(data, max_pixels=10**6).rgb):
        assert (seen[white] == 255).all()
        assert np.abs(seen.astype(int) - image)[~white].mean() < 12
    assert source_type_of(data) == "digitalCapture"
    assert mark_of(data[:MARK_BYTES], data[-MARK_BYTES:]) == "a b rendition"
