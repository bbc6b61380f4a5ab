"""Files of renditions in the photograph's own colours, as Pillow and lcms2 show them."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from cutouts.adapters.images import decode
from cutouts.core.pixels import Bytes
from cutouts.core.renditions.drawing import Subject
from cutouts.core.renditions.rendition import FileFormat, Rendition
from cutouts.stages.rendering import Original, rendered
from tests.adapters.pictures import display_p3, grey_gamma, srgb, written

_GROUND = (32, 96, 192)
_PRODUCT = (240, 30, 40)


_PLAIN = np.full((40, 40, 3), _PRODUCT, np.uint8)


def of_photograph(profile: bytes, pixels: Bytes = _PLAIN, **settings: Any) -> Image.Image:
    """The picture of a product, 20 px wide on 40, in the colours of its photograph, which has this profile."""
    data = written(pixels, "PNG", icc_profile=profile)
    alpha = np.zeros((40, 40), np.uint8)
    alpha[10:30, 10:30] = 255
    subject = Subject.of(decode(data, max_pixels=10_000), alpha)
    original = Original(subject=subject, data=data, made_of="it", max_pixels=10_000)
    rendition = Rendition(name="own", frame="photograph", profile="photograph", **settings)
    (made,) = rendered(original, [rendition])
    return Image.open(BytesIO(made.data))


def shown(image: Image.Image) -> Bytes:
    """The pixels of a picture in sRGB, by the profile that it contains."""
    stored = BytesIO(image.info["icc_profile"])
    moved = ImageCms.profileToProfile(image, stored, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return np.asarray(moved)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "webp-lossless", "avif"])
def test_a_ground_has_its_colour_in_the_colours_of_the_photograph(form: FileFormat) -> None:
    """A colour or a picture of the ground is converted to the profile that the file contains."""
    picture = written(np.full((40, 40, 3), _GROUND, np.uint8), "PNG")
    for ground in ({"ground": _GROUND}, {"ground_image": picture}):
        image = of_photograph(display_p3(), format=form, **ground)
        assert image.info["icc_profile"] == display_p3()
        assert shown(image)[2, 2].tolist() == pytest.approx(_GROUND, abs=5)
        assert np.asarray(image)[20, 20].tolist() == pytest.approx(_PRODUCT, abs=5)


@pytest.mark.parametrize("profile", [display_p3(), srgb()])
def test_a_white_ground_is_white_in_every_profile(profile: bytes) -> None:
    """It is stored as exactly 255."""
    pixels = np.asarray(of_photograph(profile, format="png", ground=(255, 255, 255)))
    assert (pixels[:9] == 255).all()


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_a_picture_is_shrunk_along_the_curve_of_its_profile(gamma: float) -> None:
    """Stripes of black and white become the grey of half their light."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[:, ::2] = 255
    image = of_photograph(display_p3(curve), stripes, format="png", ground=(255, 255, 255), max_side_px=20)
    assert np.asarray(image)[10, 10].tolist() == pytest.approx([255 * 0.5 ** (1 / gamma)] * 3, abs=1)


@pytest.mark.parametrize("profile", [b"no profile" * 20, display_p3()[:300], grey_gamma(2.2)])
def test_a_profile_that_does_not_fit_is_not_kept(profile: bytes) -> None:
    """Its pixels count as sRGB, and the picture says so."""
    image = of_photograph(profile, format="jpeg", ground=(255, 255, 255))
    stored = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    assert ImageCms.getProfileDescription(stored).strip() == "sRGB"
    assert np.asarray(image)[20, 20].tolist() == pytest.approx(_PRODUCT, abs=5)
