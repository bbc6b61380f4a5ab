"""Holes that the network took for product are opened if the background shows in them."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.matte import matte_from_saliency
from cutouts.core.matting.plain_background import plain_background, settled, settled_by_rules
from cutouts.core.pixels import Bytes, Floats, Photograph

RED, GREY = (170, 40, 30), (205, 205, 200)
HOLE = slice(60, 68), slice(60, 68)


def ring(product: tuple[int, int, int] = RED, hole: tuple[int, int, int] = GREY) -> Bytes:
    """A product with a hole on grey with little noise, uint8 128×128×3."""
    rgb = np.full((128, 128, 3), GREY, np.uint8)
    rgb[40:88, 40:88] = product
    rgb[HOLE] = hole
    return np.asarray(rgb + np.random.default_rng(3).integers(0, 2, rgb.shape), np.uint8)


def filled(certainty: float) -> Floats:
    """A network's probability of that product with a filled hole, and with a soft contour, float32 128×128."""
    saliency = np.zeros((128, 128), np.float32)
    saliency[39:89, 39:89] = 0.3
    saliency[40:88, 40:88] = 1
    saliency[HOLE] = certainty
    return saliency


def ruled(saliency: Floats, rgb: Bytes) -> Floats:
    """The saliency after the rules, without the edge network."""
    background = plain_background(saliency, Photograph(rgb=rgb))
    return settled_by_rules(saliency, background.difference(rgb), background)


@pytest.mark.parametrize("certainty", [0.6, 0.9, 0.97])
def test_a_hole_in_which_the_background_shows_is_opened_although_the_network_is_nearly_certain(
    certainty: float,
) -> None:
    """It has the background's colour, and all around it differs clearly."""
    assert ruled(filled(certainty), ring())[HOLE].max() == 0
    matte = matte_from_saliency(filled(certainty), Photograph(rgb=ring()))
    assert matte[HOLE][1:-1, 1:-1].max() < 8
    assert matte[44:56, 44:84].min() == 255


def test_the_rim_of_an_opened_hole_is_doubted() -> None:
    """So the refinement and the edge network decide there, not the network's mistake."""
    rim = ruled(filled(0.97), ring())[59:69, 59:69].copy()
    rim[1:-1, 1:-1] = 0.5
    assert (rim == 0.5).all()


@pytest.mark.parametrize("hole", [RED, (205, 195, 200), (175, 175, 170)])
def test_a_region_that_differs_from_the_background_stays(hole: tuple[int, int, int]) -> None:
    """A print, a shadow or the product itself is not opened."""
    assert ruled(filled(0.97), ring(hole=hole))[HOLE].min() >= np.float32(0.97)


def test_a_region_whose_surroundings_fade_into_the_background_stays() -> None:
    """A grey product on grey has parts with the background's colour; its shades are close to it."""
    assert ruled(filled(0.97), ring(product=(195, 195, 190)))[HOLE].min() == np.float32(0.97)


def test_a_region_of_which_the_network_is_certain_stays() -> None:
    """A print in the background's colour is product if the network has no doubt."""
    assert ruled(filled(0.99), ring())[HOLE].min() == np.float32(0.99)


def test_a_tiny_region_stays() -> None:
    """A few pixels of a texture are not a hole."""
    rgb, saliency = ring(hole=RED), filled(1.0)
    rgb[60:63, 60:63], saliency[60:63, 60:63] = GREY, 0.97
    assert ruled(saliency, rgb)[60:63, 60:63].min() == np.float32(0.97)


def test_on_a_busy_background_no_hole_is_opened() -> None:
    """There, colour says nothing."""
    scene = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    scene[40:88, 40:88] = ring()[40:88, 40:88]
    np.testing.assert_array_equal(settled(filled(0.97), Photograph(rgb=scene)), filled(0.97))
