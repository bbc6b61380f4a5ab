"""The matte is one fixed curve of the probability at source size."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.matte import alpha_bytes, curve, matte_from_saliency
from cutouts.core.pixels import Floats, Photograph


def photograph(width: int, height: int, alpha: int | None = None) -> Photograph:
    """A grey photograph with the constant alpha `alpha`, or without."""
    plane = None if alpha is None else np.full((height, width), alpha, np.uint8)
    return Photograph(rgb=np.full((height, width, 3), 120, np.uint8), alpha=plane)


def saliency_of_a_box(low: float = 0.02, high: float = 0.98) -> Floats:
    """A probability of 32×32 that holds a box."""
    plane = np.full((32, 32), low, np.float32)
    plane[8:24, 8:24] = high
    return plane


def test_the_curve_is_monotonic() -> None:
    """A higher probability never gives a lower matte."""
    matte = curve(np.linspace(0, 1, 4096, dtype=np.float32)[None])
    assert (np.diff(matte[0]) >= 0).all()
    assert matte.min() == 0.0
    assert matte.max() == 1.0


@pytest.mark.parametrize(("probability", "byte"), [(0.0, 0), (0.1, 0), (0.5, 128), (0.9, 255), (1.0, 255)])
def test_sure_values_are_exact_in_eight_bits(probability: float, byte: int) -> None:
    """Sure outside is exactly 0, sure inside exactly 255, and one half is the middle."""
    assert alpha_bytes(curve(np.full((2, 2), probability, np.float32))).tolist() == [[byte, byte]] * 2


@pytest.mark.parametrize(("width", "height"), [(320, 200), (31, 97), (8, 8), (1, 1), (2000, 3)])
def test_the_matte_has_the_size_of_the_photograph(width: int, height: int) -> None:
    """At any size of the model the matte is uint8 at source size."""
    matte = matte_from_saliency(saliency_of_a_box(), photograph(width, height))
    assert matte.shape == (height, width)
    assert matte.dtype == np.uint8


def test_sure_inside_and_outside_stay_sure_at_source_size() -> None:
    """Away from the box's edge the enlarged matte is exactly 255 inside and exactly 0 outside."""
    matte = matte_from_saliency(saliency_of_a_box(), photograph(320, 320))
    assert (matte[100:220, 100:220] == 255).all()
    assert (matte[:60] == 0).all()


def test_the_curve_is_not_stretched_to_the_image() -> None:
    """A faint probability gives a faint matte, so an image without a product never gets a confident one."""
    matte = matte_from_saliency(saliency_of_a_box(low=0.01, high=0.2), photograph(320, 320))
    assert 0 < matte.max() < 0.13 * 255


def test_an_image_without_a_product_has_an_empty_matte() -> None:
    """If all probabilities are low, every value is zero."""
    assert not matte_from_saliency(np.full((32, 32), 0.08, np.float32), photograph(50, 40)).any()


@pytest.mark.parametrize("alpha", [0, 51, 255])
def test_existing_alpha_multiplies_the_matte(alpha: int) -> None:
    """A photograph's own alpha scales its matte, and transparent parts stay transparent."""
    saliency = saliency_of_a_box()
    opaque = matte_from_saliency(saliency, photograph(100, 100))
    matte = matte_from_saliency(saliency, photograph(100, 100, alpha))
    np.testing.assert_allclose(matte, opaque * (alpha / 255), atol=0.51)


def test_the_saliency_is_not_modified() -> None:
    """The raw probability is recorded, so the matte is made from a copy, even of a crop."""
    saliency = saliency_of_a_box()
    matte_from_saliency(saliency[4:28], photograph(32, 24))
    np.testing.assert_array_equal(saliency, saliency_of_a_box())
