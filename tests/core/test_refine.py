"""Edge refinement follows the photograph's edge if the colours show it, and the network otherwise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.matting.matte import curve
from cutouts.core.matting.refine import refined
from cutouts.core.pixels import Bytes, Floats, Photograph

SIZE, MODEL = 640, 128


def disc() -> Floats:
    """A disc with a hard edge at source size."""
    plane = np.zeros((SIZE, SIZE), np.float32)
    cv2.circle(plane, (SIZE // 2, SIZE // 2), 200, 1.0, cv2.FILLED, cv2.LINE_AA)
    return plane


def coarse(matte: Floats) -> Floats:
    """A network's output: small and blurred."""
    small = cv2.resize(matte, (MODEL, MODEL), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5), np.float32)


def enlarged(saliency: Floats) -> Floats:
    """The saliency at source size, unrefined."""
    return np.asarray(cv2.resize(saliency, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


def refine(saliency: Floats, rgb: Bytes) -> Floats:
    """The saliency at the photograph's size, with its refined pixels written in."""
    size = rgb.shape[1], rgb.shape[0]
    whole = np.asarray(cv2.resize(saliency, size, interpolation=cv2.INTER_LINEAR), np.float32)
    for pixels, values in refined(saliency, Photograph(rgb=rgb)):
        whole.reshape(-1)[pixels] = values
    return whole


def photograph(matte: Floats, product: tuple[int, int, int], ground: tuple[int, int, int]) -> Bytes:
    """A composite with a camera's noise."""
    colours = np.array(product, np.float32), np.array(ground, np.float32)
    mixed = matte[..., None] * colours[0] + (1 - matte[..., None]) * colours[1]
    noise = np.random.default_rng(3).normal(0, 2, mixed.shape)
    return np.asarray(np.clip(np.rint(mixed + noise), 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("product", "ground"),
    [((40, 40, 40), (240, 240, 240)), ((200, 60, 60), (60, 140, 60)), ((190, 180, 170), (235, 235, 235))],
)
def test_the_edge_moves_to_the_photograph_s_edge(product: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    """If product and background differ, even in hue alone, the error falls to less than a third."""
    truth = disc()
    saliency = coarse(truth)
    refined = curve(refine(saliency, photograph(truth, product, ground)))
    plain = curve(enlarged(saliency))
    assert np.abs(refined - truth).mean() < np.abs(plain - truth).mean() / 3


def test_without_contrast_the_network_s_edge_stays() -> None:
    """With white on white hardly anything changes."""
    saliency = coarse(disc())
    refined = refine(saliency, photograph(disc(), (250, 250, 250), (250, 250, 250)))
    assert np.abs(refined - enlarged(saliency)).mean() < 0.002


def test_a_flat_photograph_changes_nothing() -> None:
    """It has no edges to follow."""
    saliency = coarse(disc())
    flat = np.full((SIZE, SIZE, 3), 128, np.uint8)
    np.testing.assert_allclose(refine(saliency, flat), enlarged(saliency), atol=2e-3)


def test_sure_pixels_are_not_refined() -> None:
    """If the network is sure, edges of the photograph such as a pattern change nothing."""
    saliency = np.full((MODEL, MODEL), 0.99, np.float32)
    pattern = np.random.default_rng(4).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    np.testing.assert_array_equal(refine(saliency, pattern), enlarged(saliency))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (8, 8), (90, 7), (333, 200)])
def test_photographs_of_any_size_are_refined(height: int, width: int) -> None:
    """They may be smaller than the saliency, and values hardly leave 0…1."""
    rgb = np.random.default_rng(5).integers(0, 256, (height, width, 3), np.uint8)
    refined = refine(coarse(disc()), rgb)
    assert refined.shape == (height, width)
    assert np.isfinite(refined).all()


def test_refined_pixels_match_the_plain_enlargement() -> None:
    """They meet without a seam: without any colour both are the same enlargement."""
    ramp = np.tile(np.linspace(0, 1, MODEL, dtype=np.float32), (MODEL, 1))
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    np.testing.assert_allclose(refine(ramp, black), enlarged(ramp), atol=2e-3)
