"""A closer look at small products, with a network that finds what is red."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from cutouts.core.matting.looks import Look, look_at, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.core.matting.pixel_lookup import Part
from cutouts.core.matting.preprocess import Preprocessing
from cutouts.core.pixels import Bytes, Floats, Photograph

HOW = Preprocessing(width_px=64, height_px=64, letterbox=False)


class RedFinder:
    """The probability of a product is the red of a pixel; `seen` are the inputs of each call."""

    def __init__(self) -> None:
        self.seen: list[Sequence[Bytes | Floats]] = []

    def __call__(self, inputs: Sequence[Bytes | Floats]) -> list[Floats]:
        """One model call."""
        self.seen.append(inputs)
        return [self.found(pixels[..., 0].astype(np.float32) / np.float32(255)) for pixels in inputs]

    def found(self, red: Floats) -> Floats:
        """What it says of a picture that is this red."""
        return red


class Undecided(RedFinder):
    """Says something else when it looks again."""

    def __init__(self, again: float) -> None:
        super().__init__()
        self._again = np.float32(again)

    def found(self, red: Floats) -> Floats:
        """The red at the first look, and the same everywhere at the second one."""
        return red if len(self.seen) == 1 else np.full_like(red, self._again)


def _photograph(*products: Part, side: int = 640) -> Photograph:
    rgb = np.zeros((side, side, 3), np.uint8)
    for product in products:
        rgb[product] = 255, 0, 0
    return Photograph(rgb=rgb)


def _look(network: RedFinder, photograph: Photograph) -> Look:
    (look,) = look_at(network, [view_of(photograph, HOW)], HOW)
    return look


SMALL = slice(101, 163), slice(305, 389)
LARGE = slice(50, 550), slice(80, 600)


def test_a_small_product_is_looked_at_from_nearer() -> None:
    """The second call sees only the part around it."""
    photograph, network = _photograph(SMALL), RedFinder()
    look = _look(network, photograph)
    assert look.calls == len(network.seen) == 2
    rows, columns = look.area
    assert max(rows.stop - rows.start, columns.stop - columns.start) < 120
    assert np.count_nonzero(look.seen.rgb) == np.count_nonzero(photograph.rgb), "all of the product"
    np.testing.assert_array_equal(look.seen.rgb, photograph.rgb[look.area])


def test_its_edges_are_more_exact_than_from_afar() -> None:
    """At a tenth of the size, a pixel of the network is 10 px of the photograph wide."""
    photograph = _photograph(SMALL)
    near = _look(RedFinder(), photograph)
    truth = photograph.rgb[..., 0].astype(int)
    wrong = np.abs(matte_of(near, photograph) - truth).sum() / truth.sum()
    assert wrong < 0.02


@pytest.mark.parametrize("products", [(), (LARGE,), (SMALL, (slice(560, 600), slice(30, 70)))])
def test_nothing_a_large_product_and_products_far_apart_are_looked_at_once(products: Sequence[Part]) -> None:
    """None of them would be larger in a second look."""
    photograph, network = _photograph(*products), RedFinder()
    look = _look(network, photograph)
    assert look.calls == len(network.seen) == 1
    assert look.seen is photograph


def test_the_network_never_sees_more_pixels_than_there_are() -> None:
    """A product of 20 px is seen in 64 px of the photograph, and a photograph of 64 px only as a whole."""
    tiny = slice(300, 320), slice(620, 640)
    look = _look(RedFinder(), _photograph(tiny))
    assert look.seen.size == (64, 64)
    assert look.area[1] == slice(576, 640), "moved inside of the photograph"
    assert _look(RedFinder(), _photograph((slice(20, 30), slice(20, 30)), side=64)).calls == 1


def test_a_speck_far_away_does_not_keep_it_from_looking_closer() -> None:
    """A speck is no part of the product."""
    speck = slice(600, 602), slice(20, 22)
    assert _look(RedFinder(), _photograph(SMALL, speck)).calls == 2


@pytest.mark.parametrize("again", [0.0, 1.0], ids=["finds nothing", "finds what goes on beyond the part"])
def test_the_first_look_stays_if_the_closer_one_is_worse(again: float) -> None:
    """The first one found something, and nothing is lost by the second one."""
    photograph = _photograph(SMALL)
    look = _look(Undecided(again), photograph)
    assert look.calls == 2
    assert look.seen is photograph
    assert look.saliency.max() > 0.5


def test_a_product_that_the_photograph_cuts_off_may_end_with_the_part() -> None:
    """Beyond the frame there is nothing to see."""
    photograph = _photograph((slice(580, 640), slice(300, 360)))
    look = _look(RedFinder(), photograph)
    assert look.calls == 2
    assert look.area[0].stop == 640
    assert matte_of(look, photograph)[639, 330] == 255


def test_photographs_of_a_batch_share_both_calls() -> None:
    """The second call has those with small products."""
    small, large, other = _photograph(SMALL), _photograph(LARGE), _photograph((slice(400, 450), slice(40, 90)))
    network = RedFinder()
    looks = look_at(network, [view_of(one, HOW) for one in (small, large, other)], HOW)
    assert [len(inputs) for inputs in network.seen] == [3, 2]
    assert [one.calls for one in looks] == [2, 1, 2]


def test_a_closer_look_at_a_part_is_a_part_of_the_photograph() -> None:
    """As if a manifest states a large box: its matte is at the right place."""
    photograph, box = _photograph(SMALL), (slice(90, 600), slice(200, 640))
    (look,) = look_at(RedFinder(), [view_of(photograph, HOW, box)], HOW)
    assert look.calls == 2
    np.testing.assert_array_equal(look.seen.rgb, photograph.rgb[look.area])
    matte = matte_of(look, photograph)
    assert matte[130, 350] == 255
    assert not np.delete(matte, slice(95, 170), 0).any()


def test_what_was_transparent_stays_transparent() -> None:
    """The part has the photograph's alpha."""
    alpha = np.full((640, 640), 255, np.uint8)
    alpha[101:130, 305:389] = 0
    photograph = Photograph(rgb=_photograph(SMALL).rgb, alpha=alpha)
    look = _look(RedFinder(), photograph)
    assert look.calls == 2
    matte = matte_of(look, photograph)
    assert not matte[:130].any()
    assert matte[150, 350] == 255


class Farsighted(RedFinder):
    """Finds nothing that fills less than a tenth of what it sees."""

    def found(self, red: Floats) -> Floats:
        """The red, if there is enough of it."""
        return red if red.mean() > 0.1 else np.zeros_like(red)


def test_a_small_product_that_the_first_look_denies_on_plain_ground_is_looked_at() -> None:
    """What differs from a plain background is worth a closer look."""
    photograph = _photograph(SMALL)
    look = _look(Farsighted(), photograph)
    assert look.calls == 2
    matte = matte_of(look, photograph)
    assert matte[130, 350] == 255
    assert matte.mean() == pytest.approx(photograph.rgb[..., 0].mean(), rel=0.02)


def test_a_plain_background_with_nothing_on_it_is_looked_at_once() -> None:
    """A shade that is not clearly different is nothing."""
    rgb = np.full((640, 640, 3), 240, np.uint8)
    rgb[SMALL] = 225
    network = Farsighted()
    assert _look(network, Photograph(rgb=rgb)).calls == len(network.seen) == 1


def test_a_product_that_is_denied_in_a_busy_scene_stays_denied() -> None:
    """Nothing tells it from the scene."""
    noise = np.random.default_rng(7).integers(0, 255, (640, 640, 3)).astype(np.uint8)
    noise[..., 0] = 0
    noise[SMALL] = 255, 0, 0
    assert _look(Farsighted(), Photograph(rgb=noise)).calls == 1
