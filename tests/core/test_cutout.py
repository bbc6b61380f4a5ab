"""The cutout: straight alpha, opaque pixels unchanged, and the rim in the product's own colours."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.matting.cutout import cutout
from cutouts.core.matting.matte import alpha_bytes
from cutouts.core.pixels import Bytes, Floats, Photograph


def disc(size: int = 200, radius: int = 60, blur: float = 3.0) -> Floats:
    """A soft disc in the middle of a square."""
    plane = np.zeros((size, size), np.float32)
    cv2.circle(plane, (size // 2, size // 2), radius, 1.0, cv2.FILLED)
    blurred: Floats = np.asarray(cv2.GaussianBlur(plane, (0, 0), blur), np.float32)
    blurred[blurred < 0.002] = 0
    blurred[blurred > 0.998] = 1
    return blurred


def two_colours(size: int = 200) -> Floats:
    """A product of two colours, 0…255: red on the left, a gradient of blues on the right."""
    product = np.zeros((size, size, 3), np.float32)
    product[:, : size // 2] = (200, 40, 30)
    product[:, size // 2 :] = (20, 60, 0)
    product[:, size // 2 :, 2] = np.linspace(120, 250, size)[:, None]
    return product


def composed(product: Floats, matte: Floats, ground: tuple[int, int, int]) -> Bytes:
    """The product composited over a plain background."""
    mixed = matte[..., None] * product + (1 - matte[..., None]) * np.array(ground, np.float32)
    return np.asarray(np.rint(mixed), np.uint8)


def estimate_foreground(rgb: Bytes, matte: Floats) -> Bytes:
    """The colours of the cutout, or of the photograph if nothing is kept."""
    rgba = cutout(Photograph(rgb=rgb), alpha_bytes(matte))
    return np.where(rgba[..., 3:] > 0, rgba[..., :3], rgb)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (30, 160, 60)])
def test_the_background_is_removed_from_the_rim(ground: tuple[int, int, int]) -> None:
    """On a known composite the alpha-weighted error of the rim colours falls to less than an eighth."""
    product, matte = two_colours(), disc()
    photograph = composed(product, matte, ground)
    soft = (matte > 0) & (matte < 1)

    def error(rgb: Bytes) -> float:
        return float((np.abs(rgb - product).mean(axis=2) * matte)[soft].sum())

    assert error(estimate_foreground(photograph, matte)) < error(photograph) / 8


def test_textures_of_soft_pixels_are_kept() -> None:
    """Nearly opaque pixels keep their pattern, so that a stripe of the product is not smeared."""
    stripes = np.zeros((200, 200, 3), np.float32)
    stripes[:, ::4], stripes[:, 1::4] = (220, 200, 40), (220, 200, 40)
    matte = disc()
    matte[60:140, 60:140] = 0.9
    estimated = estimate_foreground(composed(stripes, matte, (90, 90, 200)), matte)
    assert np.abs(estimated - stripes)[60:140, 60:140].mean() < 4


def test_opaque_and_empty_pixels_keep_the_photograph_s_colours() -> None:
    """Only soft pixels change; under alpha 0 and 255 every bit stays."""
    matte = disc()
    rgb = np.random.default_rng(1).integers(0, 256, (*matte.shape, 3), np.uint8)
    sure = (matte < 0.4 / 255) | (matte > 254.6 / 255)
    np.testing.assert_array_equal(estimate_foreground(rgb, matte)[sure], rgb[sure])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (3, 50)])
def test_a_matte_without_a_rim_or_an_inside_changes_nothing(value: float, shape: tuple[int, int]) -> None:
    """Without sure pixels to take colours from, or without soft ones, the photograph stays."""
    rgb = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(estimate_foreground(rgb, np.full(shape, value, np.float32)), rgb)


def test_a_hair_without_sure_pixels_keeps_its_colours() -> None:
    """One opaque pixel is too narrow to spread from; the colours stay, and none turns black."""
    matte = np.zeros((40, 40), np.float32)
    matte[:, 18:21] = (0.5, 1.0, 0.5)
    rgb = np.full((40, 40, 3), 180, np.uint8)
    np.testing.assert_array_equal(estimate_foreground(rgb, matte), rgb)


def test_a_cutout_has_straight_alpha_and_no_hidden_colour() -> None:
    """Alpha is the rounded matte, colours under alpha 0 are 0, and those under 255 are the photograph's."""
    matte = disc()
    photograph = Photograph(rgb=composed(two_colours(), matte, (250, 240, 230)))
    rgba = cutout(photograph, alpha_bytes(matte))
    assert rgba.dtype == np.uint8
    np.testing.assert_array_equal(rgba[..., 3], np.rint(matte * 255))
    assert not rgba[rgba[..., 3] == 0].any()
    np.testing.assert_array_equal(rgba[matte == 1][:, :3], photograph.rgb[matte == 1])


def test_the_photograph_is_not_modified() -> None:
    """The input array is not written to."""
    matte = disc()
    photograph = Photograph(rgb=composed(two_colours(), matte, (250, 240, 230)))
    before = photograph.rgb.copy()
    cutout(photograph, alpha_bytes(matte))
    np.testing.assert_array_equal(photograph.rgb, before)


@pytest.mark.parametrize("inside", [[], [255]])
def test_every_alpha_stays(inside: list[int]) -> None:
    """Whether there are certain pixels to take colours from or not, and whatever lies around the product."""
    matte = np.zeros((90, 120), np.uint8)
    matte[20:60, 30:110] = np.resize([*range(1, 255)], (40, 80))
    matte[30:50, 60:90] = inside or matte[30:50, 60:90]
    rgb = np.random.default_rng(4).integers(0, 256, (90, 120, 3), np.uint8)
    np.testing.assert_array_equal(cutout(Photograph(rgb=rgb), matte)[..., 3], matte)


def test_an_empty_matte_makes_an_empty_cutout() -> None:
    """If nothing was found, every value of the cutout is zero."""
    photograph = Photograph(rgb=np.full((20, 30, 3), 200, np.uint8))
    assert not cutout(photograph, np.zeros((20, 30), np.uint8)).any()
