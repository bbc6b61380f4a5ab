"""The edge network is computed at the sites alone, and corrects edges in front of a plain background."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cutouts.core.matting.edge_network import (
    CHANNELS,
    DILATIONS,
    RINGS,
    EdgeNetwork,
    Layer,
    changes,
    features,
    shipped,
    sites,
)
from cutouts.core.matting.matte import curve
from cutouts.core.matting.plain_background import plain_background, settled, settled_by_rules
from cutouts.core.pixels import Floats, Mask, Photograph

Kernels = list[tuple[Floats, int]]
"""Kernels (3, 3, inputs, outputs), each with the distance of its neighbours."""


def kernels(rng: np.random.Generator, inputs: int, outputs: int, distances: tuple[int, ...]) -> Kernels:
    """Random weights for one layer."""
    return [(rng.normal(0, 0.2, (3, 3, inputs, outputs)).astype(np.float32), distance) for distance in distances]


def layer(weights: Kernels, bias: Floats) -> Layer:
    """Those weights as the network stores them."""
    outputs = bias.size
    return Layer(kernel=np.concatenate([kernel.reshape(-1, outputs) for kernel, _ in weights]), bias=bias)


def convolved(plane: Floats, weights: Kernels, bias: Floats) -> Floats:
    """The same layer as a convolution of the whole plane by OpenCV, with zeros around it, float32 (h, w, outputs)."""
    result = np.tile(bias, (*plane.shape[:2], 1))
    for kernel, distance in weights:
        for inputs in range(kernel.shape[2]):
            for outputs in range(kernel.shape[3]):
                wide = np.zeros((2 * distance + 1, 2 * distance + 1), np.float32)
                wide[::distance, ::distance] = kernel[:, :, inputs, outputs]
                seen = cv2.filter2D(np.ascontiguousarray(plane[..., inputs]), -1, wide, borderType=cv2.BORDER_CONSTANT)
                result[..., outputs] += seen
    return np.asarray(result, np.float32)


def test_it_equals_convolutions_that_are_set_to_zero_outside_of_the_sites() -> None:
    """Hidden layers are zero at all other pixels, so nothing has to be computed there."""
    rng = np.random.default_rng(5)
    first = kernels(rng, CHANNELS, 4, RINGS)
    body = [kernels(rng, 4, 4, (distance,)) for distance in DILATIONS]
    head = rng.normal(0, 1, (4, 1)).astype(np.float32)
    biases = [rng.normal(0, 0.1, size).astype(np.float32) for size in (4, 4, 4, 1)]
    network = EdgeNetwork(
        first=layer(first, biases[0]),
        body=tuple(layer(weights, bias) for weights, bias in zip(body, biases[1:3], strict=True)),
        head=Layer(kernel=head, bias=biases[3]),
    )
    seen, where = rng.random((40, 60, CHANNELS), np.float32), rng.random((40, 60)) < 0.3
    hidden = np.maximum(convolved(seen, first, biases[0]), 0) * where[..., None]
    for weights, bias in zip(body, biases[1:3], strict=True):
        hidden = np.maximum(convolved(hidden, weights, bias), 0) * where[..., None]
    np.testing.assert_allclose(changes(network, seen, where), (hidden @ head + biases[3])[where][:, 0], atol=1e-5)


def test_no_site_is_no_work() -> None:
    """An image without any edge gives no change."""
    nowhere: Mask = np.zeros((30, 40), np.bool_)
    assert changes(shipped(), np.zeros((30, 40, CHANNELS), np.float32), nowhere).size == 0


def test_sites_are_the_doubted_pixels_the_contour_and_their_neighbours() -> None:
    """Certain pixels that are far from the contour are none."""
    saliency = np.zeros((40, 40), np.float32)
    saliency[10:30, 10:30], saliency[20, 20] = 1, 0.5
    where = sites(saliency, saliency)
    assert where[19:22, 19:22].all()
    assert where[8:12, 15].all()
    assert not where[15:18, 15:18].any()
    assert not where[:7].any()


def test_differences_are_signed_square_roots_multiplied_by_the_trust() -> None:
    """So small differences from the background are seen, too."""
    rgb = np.full((1, 1, 3), (255, 0, 51), np.uint8)
    background = np.full((1, 1, 3), (0.75, 0.25, 0.2), np.float32)
    difference = np.asarray(rgb / np.float32(255) - background, np.float32)
    seen = features(rgb, np.full((1, 1), 0.4, np.float32), np.full((1, 1), 0.3, np.float32), difference, 0.5)
    np.testing.assert_allclose(seen[0, 0], [0.5, -0.5, -0.3, 0.4, 0.3, 0.25, -0.25, 0, 0.5], atol=2e-4)


@pytest.mark.parametrize("colour", [(170, 40, 30), (30, 60, 150), (120, 160, 70)])
@pytest.mark.parametrize("ground", [(250, 250, 250), (205, 205, 200), (60, 90, 70)])
def test_edges_come_nearer_to_the_truth(colour: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    """A network's output that is shifted and blurred is corrected by the colours."""
    truth = np.zeros((256, 256), np.float32)
    cv2.ellipse(truth, (130, 120), (80, 50), 25, 0, 360, 1.0, cv2.FILLED, cv2.LINE_AA)
    truth = np.asarray(cv2.GaussianBlur(truth, (0, 0), 0.7), np.float32)
    rgb = truth[..., None] * np.array(colour) + (1 - truth[..., None]) * np.array(ground)
    noisy = rgb + np.random.default_rng(2).normal(0, 1.5, rgb.shape)
    photograph = Photograph(rgb=np.rint(noisy).clip(0, 255).astype(np.uint8))
    saliency = np.asarray(cv2.GaussianBlur(np.roll(truth, 2, 1), (0, 0), 1.2), np.float32)
    background = plain_background(saliency, photograph)
    before = settled_by_rules(saliency, background.difference(photograph.rgb), background)
    after = settled(saliency, photograph)
    assert np.abs(curve(after.copy()) - truth).sum() < 0.9 * np.abs(curve(before.copy()) - truth).sum()
