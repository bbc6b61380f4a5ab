"""Mistakes and shadows that are drawn on purpose: only where they belong, and of every kind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.pixels import Bytes, Floats
from cutouts.training.second_look.mistakes import holes, mistaken
from cutouts.training.second_look.shadows import lit, thrown

SEEDS = range(40)


def _shoe() -> tuple[Bytes, Bytes, Floats]:
    """A red shoe on a white sole with a hole in it, on grey, 128 × 128; its alpha and a perfect saliency."""
    rgb = np.full((128, 128, 3), 180, np.uint8)
    alpha = np.zeros((128, 128), np.uint8)
    for colour, rows in (((200, 30, 30), slice(40, 80)), ((250, 250, 250), slice(80, 92))):
        rgb[rows, 30:100] = colour
        alpha[rows, 30:100] = 255
    cv2.circle(alpha, (65, 60), 8, 0, -1)
    rgb[alpha == 0] = 180
    return rgb, alpha, alpha.astype(np.float32) / np.float32(255)


def test_mistakes_are_of_every_kind() -> None:
    """Some images stay right, some lose one part and keep another, some holes are filled, and some fade."""
    rgb, alpha, saliency = _shoe()
    made = [mistaken(np.random.default_rng(seed), rgb, alpha, saliency) for seed in SEEDS]
    lost = [((1 - plane)[alpha > 0] > 0.4).mean() for plane in made]
    assert sum(bool((plane == saliency).all()) for plane in made) >= 8
    assert sum(0.03 < share < 0.95 for share in lost) >= 5
    assert sum(plane[60, 65] > 0.3 for plane in made) >= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mistake_is_a_valid_saliency(seed: int) -> None:
    """It is float32 in 0..1, and far from the product there is still nothing."""
    rgb, alpha, saliency = _shoe()
    plane = mistaken(np.random.default_rng(seed), rgb, alpha, saliency)
    assert plane.dtype == np.float32
    assert 0 <= plane.min() <= plane.max() <= 1
    assert plane[:8, :8].max() < 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_an_empty_scene_can_have_mistakes_too(seed: int) -> None:
    """It has no part to lose and no hole to fill."""
    rgb, alpha = np.full((64, 64, 3), 200, np.uint8), np.zeros((64, 64), np.uint8)
    plane = mistaken(np.random.default_rng(seed), rgb, alpha, np.zeros((64, 64), np.float32))
    assert plane.max() == 0


def test_a_hole_is_enclosed_by_the_product() -> None:
    """The surroundings, and a bay that is open to the frame, are not holes."""
    _, alpha, _ = _shoe()
    alpha[:41, 40] = 0
    found = holes(alpha)
    assert found[60, 65]
    assert not found[5, 5]
    assert abs(int(found.sum()) - int(np.pi * 8**2)) < 30


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_background_is_relit(seed: int) -> None:
    """The product keeps its colours, and saliency is never reduced."""
    rgb, alpha, saliency = _shoe()
    shown, said = lit(np.random.default_rng(seed), rgb, alpha, saliency)
    np.testing.assert_array_equal(shown[alpha == 255], rgb[alpha == 255])
    assert (said >= saliency).all()
    assert said.max() <= 1


def test_shadows_fall_on_the_background_and_are_sometimes_taken_for_a_product() -> None:
    """Over many images, there is darker background beside the product, and sometimes saliency there."""
    rgb, alpha, saliency = _shoe()
    made = [lit(np.random.default_rng(seed), rgb, alpha, saliency) for seed in SEEDS]
    darker = [(shown[alpha == 0].astype(int) < 160).mean() for shown, _ in made]
    taken = [(said[alpha == 0] > 0.15).mean() for _, said in made]
    assert sum(share > 0.02 for share in darker) > 15
    assert 3 <= sum(share > 0.01 for share in taken) <= 25


def test_an_empty_scene_has_no_shadow() -> None:
    """It stays as bright as it is."""
    assert thrown(np.random.default_rng(0), np.zeros((32, 32), np.uint8)).max() == 0
