"""The cutout: straight alpha, opaque pixels untouched, the rim in the product's own colours."""

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
    """The product over a plain ground."""
    mixed = matte[..., None] * product + (1 - matte[..., None]) * np.array(ground, np.float32)
    return np.asarray(np.rint(mixed), np.uint8)


def estimate_foreground(rgb: Bytes, matte: Floats) -> Bytes:
    """The colours of the cutout, the photograph's where nothing is kept of it."""
    rgba = cutout(Photograph(rgb=rgb), alpha_bytes(matte))
    return np.where(rgba[..., 3:] > 0, rgba[..., :3], rgb)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (30, 160, 60)])
def test_the_background_leaves_the_rim(ground: tuple[int, int, int]) -> None:
    """On a known composite the alpha-weighted error of the rim's colours falls to less than an eighth."""
    product, matte = two_colours(), disc()
    photograph = composed(product, matte, ground)
    soft = (matte > 0) & (matte < 1)

    def error(rgb: Bytes) -> float:
        return float((np.abs(rgb - product).mean(axis=2) * matte)[soft].sum())

    assert error(estimate_foreground(photograph, matte)) < error(photograph) / 8


def test_textures_of_soft_pixels_stay() -> None:
    """Nearly opaque pixels keep their pattern: a stripe of the product is not smeared over."""
    stripes = np.zeros((200, 200, 3), np.float32)
    stripes[:, ::4], stripes[:, 1::4] = (220, 200, 40), (220, 200, 40)
    matte = disc()
    matte[60:140, 60:140] = 0.9
    estimated = estimate_foreground(composed(stripes, matte, (90, 90, 200)), matte)
    assert np.abs(estimated - stripes)[60:140, 60:140].mean() < 4


def test_opaque_and_empty_pixels_are_the_photograph_s_own() -> None:
    """Only soft pixels change: everything under 0 or 255 of 255 stays bit for bit."""
    matte = disc()
    rgb = np.random.default_rng(1).integers(0, 256, (*matte.shape, 3), np.uint8)
    sure = (matte < 0.4 / 255) | (matte > 254.6 / 255)
    np.testing.assert_array_equal(estimate_foreground(rgb, matte)[sure], rgb[sure])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (3, 50)])
def test_a_matte_without_a_rim_or_an_inside_changes_nothing(value: float, shape: tuple[int, int]) -> None:
    """Where there is nothing sure to take colours from, or nothing soft, the photograph stays."""
    rgb = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(estimate_foreground(rgb, np.full(shape, value, np.float32)), rgb)


def test_a_hair_too_thin_to_be_sure_of_keeps_its_colours() -> None:
    """One opaque pixel's width is nothing to spread from: the photograph's colours stay, none turns black."""
    matte = np.zeros((40, 40), np.float32)
    matte[:, 18:21] = (0.5, 1.0, 0.5)
    rgb = np.full((40, 40, 3), 180, np.uint8)
    np.testing.assert_array_equal(estimate_foreground(rgb, matte), rgb)


def test_a_cutout_is_straight_alpha_with_no_hidden_colour() -> None:
    """Alpha is the rounded matte, colours under alpha 0 are 0, those under 255 the photograph's."""
    matte = disc()
    photograph = Photograph(rgb=composed(two_colours(), matte, (250, 240, 230)))
    rgba = cutout(photograph, alpha_bytes(matte))
    assert rgba.dtype == np.uint8
    np.testing.assert_array_equal(rgba[..., 3], np.rint(matte * 255))
    assert not rgba[rgba[..., 3] == 0].any()
    np.testing.assert_array_equal(rgba[matte == 1][:, :3], photograph.rgb[matte == 1])


def test_a_cutout_leaves_the_photograph_alone() -> None:
    """What came in is not written to."""
    matte = disc()
    photograph = Photograph(rgb=composed(two_colours(), matte, (250, 240, 230)))
    before = photograph.rgb.copy()
    cutout(photograph, alpha_bytes(matte))
    np.testing.assert_array_equal(photograph.rgb, before)


def test_an_empty_matte_makes_an_empty_cutout() -> None:
    """An image in which nothing was found becomes nothing but zeros."""
    photograph = Photograph(rgb=np.full((20, 30, 3), 200, np.uint8))
    assert not cutout(photograph, np.zeros((20, 30), np.uint8)).any()
