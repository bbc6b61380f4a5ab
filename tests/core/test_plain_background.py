"""Colour settles the network's doubt if the background is plain, and only where colour can tell."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.plain_background import plain_background, settled_by_rules
from cutouts.core.matting.plain_background import settled as whole
from cutouts.core.pixels import Bytes, Floats, Photograph

RED, GREY = (170, 40, 30), (205, 205, 200)
HOLE = slice(28, 36), slice(28, 36)
SPOT = slice(30, 33), slice(30, 33)


def settled(saliency: Floats, photograph: Photograph) -> Floats:
    """The saliency as the rules settle it, without the edge network."""
    background, (height, width) = plain_background(saliency, photograph), saliency.shape
    return settled_by_rules(saliency, background.difference(photograph.shrunk(width, height)), background)


def ring(product: tuple[int, int, int] = RED, hole: tuple[int, int, int] = GREY) -> Bytes:
    """A square ring on grey with little noise, uint8 64×64×3, whose middle has another colour."""
    rgb = np.full((64, 64, 3), GREY, np.uint8)
    rgb[16:48, 16:48] = product
    rgb[HOLE] = hole
    return np.asarray(rgb + np.random.default_rng(3).integers(0, 2, rgb.shape), np.uint8)


def seen(in_the_hole: float) -> Floats:
    """A network's probability of that ring, float32 64×64."""
    saliency = np.zeros((64, 64), np.float32)
    saliency[16:48, 16:48] = 1
    saliency[HOLE] = in_the_hole
    return saliency


def with_spot(colour: tuple[int, int, int]) -> Bytes:
    """That ring without its hole, but with a small spot."""
    rgb = ring(hole=RED)
    rgb[SPOT] = colour
    return rgb


def spot(in_the_spot: float) -> Floats:
    """A network's probability of that."""
    saliency = seen(1.0)
    saliency[SPOT] = in_the_spot
    return saliency


@pytest.mark.parametrize("doubt", [0.2, 0.6, 0.89])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_doubted_hole_that_shows_the_background_is_opened(doubt: float, scale: int) -> None:
    """What the network half takes for product and what has the colour of the background is not product."""
    photograph = Photograph(rgb=ring().repeat(scale, 0).repeat(scale, 1))
    saliency = settled(seen(doubt), photograph)
    assert saliency[HOLE].max() < 0.05
    np.testing.assert_array_equal(np.delete(saliency, np.r_[28:36], 0), np.delete(seen(doubt), np.r_[28:36], 0))


def test_the_background_may_become_brighter_across_the_photograph() -> None:
    """The hole is compared with the background that is expected there."""
    light = np.linspace(0.7, 1.1, 64)[None, :, None]
    photograph = Photograph(rgb=np.round(ring() * light).clip(0, 255).astype(np.uint8))
    assert settled(seen(0.6), photograph)[HOLE].max() < 0.05


def test_what_the_network_is_certain_of_stays() -> None:
    """A print in the colour of the background is product if the network says so."""
    np.testing.assert_array_equal(settled(seen(0.99), Photograph(rgb=ring())), seen(0.99))


@pytest.mark.parametrize("colour", [(190, 205, 200), (255, 255, 255), (20, 20, 20)])
def test_a_doubted_spot_without_the_background_s_colour_is_product(colour: tuple[int, int, int]) -> None:
    """A highlight inside of the product does not become half transparent."""
    saliency = settled(spot(0.6), Photograph(rgb=with_spot(colour)))
    np.testing.assert_array_equal(saliency, spot(1.0))


def test_a_doubted_spot_in_which_some_background_shows_stays() -> None:
    """It may be a narrow gap, whose other pixels are mixtures: only the pixels that show background are lowered."""
    rgb = with_spot((255, 255, 255))
    rgb[31, SPOT[1]] = GREY
    saliency = settled(spot(0.6), Photograph(rgb=rgb))
    assert saliency[31, SPOT[1]].max() < 0.05
    assert (saliency[30, SPOT[1]] == np.float32(0.6)).all()


def test_a_large_doubted_part_and_one_at_the_contour_stay() -> None:
    """They may be clear glass, or something beside the product; colour cannot tell."""
    photograph = Photograph(rgb=ring(hole=(190, 205, 200)))
    np.testing.assert_array_equal(settled(seen(0.6), photograph), seen(0.6))
    rgb, saliency = ring(hole=RED), seen(1.0)
    rgb[30:33, 46:51], saliency[30:33, 46:51] = (20, 20, 20), 0.6
    np.testing.assert_array_equal(settled(saliency, Photograph(rgb=rgb)), saliency)


def test_a_hole_around_a_doubted_part_stays_a_hole() -> None:
    """If the network is certain of background in it, a region inside of the product is not a spot."""
    saliency = seen(0.0)
    saliency[30:33, 30:33] = 0.6
    np.testing.assert_array_equal(settled(saliency, Photograph(rgb=ring(hole=(20, 20, 20)))), saliency)


def test_a_product_of_the_background_s_colour_stays() -> None:
    """Of a grey product on grey no part is lost, because what the network is certain of has that colour, too."""
    np.testing.assert_array_equal(settled(seen(0.6), Photograph(rgb=ring(product=GREY))), seen(0.6))


def test_on_a_busy_background_nothing_changes() -> None:
    """If the background is not known, colour says nothing."""
    scene = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    scene[16:48, 16:48] = ring()[16:48, 16:48]
    np.testing.assert_array_equal(whole(seen(0.6), Photograph(rgb=scene)), seen(0.6))


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (64, 64), (33, 97)])
@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_any_photograph_and_any_saliency_gives_a_probability(size: tuple[int, int], probability: float) -> None:
    """One pixel, one line, empty, full: values stay in 0…1."""
    saliency = np.full((32, 48), probability, np.float32)
    result = whole(saliency, Photograph(rgb=np.full((*size, 3), 255, np.uint8)))
    assert result.dtype == np.float32
    assert (result <= 1).all()
    assert (result >= 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 7), (17, 60)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_any_doubt_beside_certainty_gives_a_probability(size: tuple[int, int], grey: int) -> None:
    """The edges of planes that are smaller than what the edge network sees around a pixel are corrected, too."""
    rng = np.random.default_rng(7)
    saliency = rng.choice(np.array([0, 0.2, 0.5, 0.98, 1], np.float32), size)
    saliency[0, 0] = 1
    result = whole(saliency, Photograph(rgb=np.full((2 * size[0], 3 * size[1], 3), grey, np.uint8)))
    assert result.shape == size
    assert result.dtype == np.float32
    assert (result <= 1).all()
    assert (result >= 0).all()
