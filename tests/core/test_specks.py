"""Specks that nobody would miss are removed, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from cutouts.core.matting.matte import matte_from_saliency
from cutouts.core.matting.specks import without_dust, without_specks
from cutouts.core.pixels import Bytes, Floats, Photograph


def with_a_product() -> Floats:
    """A probability of 200×200 with a product of 80×80 in the middle."""
    plane = np.full((200, 200), 0.02, np.float32)
    plane[60:140, 60:140] = 0.97
    return plane


def test_a_speck_far_from_the_product_is_removed() -> None:
    """It is removed however sure the network is of it, and the product is unchanged."""
    clean, saliency = with_a_product(), with_a_product()
    saliency[10:12, 10:12] = 0.99
    without = without_specks(saliency, 0.1)
    assert without[10:12, 10:12].max() == 0
    np.testing.assert_array_equal(without[40:160, 40:160], clean[40:160, 40:160])


def test_the_matte_has_no_specks() -> None:
    """In the published cutout the speck is transparent."""
    saliency = with_a_product()
    saliency[10:12, 10:12] = 0.99
    matte = matte_from_saliency(saliency, Photograph(rgb=np.full((400, 400, 3), 90, np.uint8)))
    assert matte[:80].max() == 0
    assert matte[200, 200] == 255


@pytest.mark.parametrize("row", [57, 54])
def test_a_speck_close_to_the_product_stays(row: int) -> None:
    """The end of a lace and a tip of hair are within twice 2 % of the side."""
    saliency = with_a_product()
    saliency[row - 1 : row + 1, 90:92] = 0.8
    np.testing.assert_array_equal(without_specks(saliency, 0.1), saliency)


def test_a_part_of_notable_size_stays() -> None:
    """The gate judges a second product, even one that is half found."""
    saliency = with_a_product()
    saliency[10:14, 10:14] = 0.3
    np.testing.assert_array_equal(without_specks(saliency, 0.1), saliency)


def test_many_small_parts_are_a_product() -> None:
    """Beads, screws and confetti are not dropped for being small."""
    saliency = with_a_product()
    saliency[4:200:19, 4:50:19] = 0.99
    saliency[4:200:19, 160:200:19] = 0.99
    np.testing.assert_array_equal(without_specks(saliency, 0.1), saliency)


@pytest.mark.parametrize("value", [0.0, 0.05, 0.5, 1.0])
def test_a_constant_plane_has_no_specks(value: float) -> None:
    """It is all empty or all product."""
    plane = np.full((40, 30), value, np.float32)
    np.testing.assert_array_equal(without_specks(plane, 0.1), plane)


def cutout_alpha(level: int) -> Bytes:
    """The alpha of another program's cutout: a product of 80×80 at one level, with a soft edge."""
    alpha = np.zeros((200, 200), np.uint8)
    alpha[58:142, 58:142] = 9
    alpha[60:140, 60:140] = level
    return alpha


def test_dust_is_removed_and_a_soft_edge_stays() -> None:
    """Faint pixels that belong to something visible are part of it."""
    dusty = cutout_alpha(255)
    dusty[3, 4:6] = 9
    np.testing.assert_array_equal(without_dust(dusty), cutout_alpha(255))


@pytest.mark.parametrize("level", [20, 60])
def test_a_faint_cutout_stays_as_it_is(level: int) -> None:
    """Thin glass is faint everywhere, or nearly so."""
    np.testing.assert_array_equal(without_dust(cutout_alpha(level)), cutout_alpha(level))
