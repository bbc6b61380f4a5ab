"""Products of one smooth material in the outline of a photographed subject or of a slab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cutouts.training.data.cache import Dataset, Datasets, dataset
from cutouts.training.data.examples import Example
from cutouts.training.drawing import composite, shapes
from cutouts.training.drawing.scenes import backdrop
from cutouts.training.drawing.shapes import shape

SEEDS = range(16)


@pytest.fixture
def standing(tmp_path: Path) -> Dataset:
    """One photograph of a post, right of the middle, that is cut by the lower frame."""

    def pages() -> Iterator[Example]:
        rgba = np.full((90, 120, 4), (90, 120, 60, 0), np.uint8)
        rgba[20:, 60:100, 3] = 255
        yield Example(name="post", rgba=rgba)

    return dataset(tmp_path / "standing", pages)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """All outlines come from photographed subjects, without straps and prints."""
    for share in ("SLAB_SHARE", "TOOL_SHARE", "PRINTED_SHARE", "STRAPPED_SHARE"):
        monkeypatch.setattr(shapes, share, 0.0)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("seed", SEEDS)
def test_only_its_outline_separates_a_shape_from_the_background(datasets: Datasets, seed: int) -> None:
    """It is one piece and as smooth as the light on it, without any texture of the photograph."""
    rgba, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
    solid = (rgba[..., 3] == 255).astype(np.uint8)
    assert cv2.connectedComponents(solid)[0] == 2
    assert 0.6 < solid.mean() < 0.8  # a disc fills π/4 of its box
    inside = cv2.erode(solid, np.ones((5, 5), np.uint8)) > 0
    edges = np.abs(cv2.Laplacian(rgba[..., :3].astype(np.float32), cv2.CV_32F))
    assert np.percentile(edges[inside], 99) <= 3


@pytest.mark.usefixtures("traced")
def test_a_print_changes_the_colour_and_not_the_alpha(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pixels have another colour, the alpha is what it was."""
    for seed in SEEDS:
        bare, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
        monkeypatch.setattr(shapes, "PRINTED_SHARE", 1.0)
        printed, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
        monkeypatch.setattr(shapes, "PRINTED_SHARE", 0.0)
        np.testing.assert_array_equal(printed[..., 3], bare[..., 3])
        seen = np.abs(printed[..., :3].astype(int) - bare[..., :3]).max(axis=2) > 0
        assert 0.005 < seen.mean() < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_colours_are_premultiplied(datasets: Datasets, seed: int) -> None:
    """No colour exceeds its alpha, so that a shape may be resized like the products."""
    rgba, _ = shape(np.random.default_rng(seed), datasets.natural, 120)
    assert (rgba[..., :3] <= rgba[..., 3:]).all()


def test_a_shape_has_the_requested_size(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its longer side without straps counts."""
    monkeypatch.setattr(shapes, "STRAPPED_SHARE", 0.0)
    for size in (60, 200):
        rgba, _ = shape(np.random.default_rng(size), datasets.natural, size)
        assert max(rgba.shape[:2]) == size


@pytest.mark.parametrize("seed", SEEDS)
def test_some_shapes_are_slabs_with_four_corners(
    datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are solid, convex and cut by no side."""
    monkeypatch.setattr(shapes, "SLAB_SHARE", 1.0)
    monkeypatch.setattr(shapes, "STRAPPED_SHARE", 0.0)
    rgba, sides = shape(np.random.default_rng(seed), datasets.natural, 200)
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    (outline, *others), _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    assert not others
    hull = cv2.convexHull(outline)
    assert cv2.contourArea(outline) > 0.98 * cv2.contourArea(hull)
    assert len(cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, closed=True), closed=True)) == 4
    assert not any(sides)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("seed", SEEDS)
def test_some_shapes_are_tools_with_a_long_handle(
    datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in one piece, cut by no side, and much longer than wide."""
    monkeypatch.setattr(shapes, "TOOL_SHARE", 1.0)
    rgba, sides = shape(np.random.default_rng(seed), datasets.natural, 200)
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    assert cv2.connectedComponents(solid)[0] == 2
    (_, sizes, _) = cv2.minAreaRect(cv2.findNonZero(solid))
    assert max(sizes) > 2.4 * min(sizes)
    assert not any(sides)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("seed", SEEDS)
def test_thin_straps_are_a_part_of_the_shape(datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They rise above it, are connected and equally opaque; without them the shape is the same."""
    bare, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
    monkeypatch.setattr(shapes, "STRAPPED_SHARE", 1.0)
    rgba, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
    solid = (rgba[..., 3] > 127).astype(np.uint8)
    rise = rgba.shape[0] - bare.shape[0]
    above = solid[: 3 * rise // 4]
    assert cv2.connectedComponents(solid)[0] == 2
    assert 0.002 < above.mean() < 0.3
    assert cv2.erode(above, np.ones((11, 11), np.uint8)).sum() < 0.05 * above.sum()
    assert (rgba[rise:, :, 3] >= bare[..., 3]).all()


@pytest.mark.usefixtures("traced")
def test_a_shape_is_cut_by_the_frame_like_its_subject(standing: Dataset) -> None:
    """The post continues below and nothing else touches the frame, mirrored or not."""
    for seed in SEEDS:
        rgba, sides = shape(np.random.default_rng(seed), standing, 140)
        assert sides == (False, True, False, False)
        assert rgba[-1, rgba.shape[1] // 2, 3] == 255


def test_a_shape_is_never_hidden_on_a_background_of_its_own_colour(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could find it there; a product with features may be hidden."""
    asked: list[bool] = []

    def noted(*given: Any) -> Any:
        asked.append(given[-1] is not None)
        return backdrop(*given)

    monkeypatch.setattr(composite, "backdrop", noted)
    monkeypatch.setattr(composite, "LOW_CONTRAST_SHARE", 1.0)
    monkeypatch.setattr(composite, "GARMENT_SHARE", 0.0)
    for share in (1.0, 0.0):
        monkeypatch.setattr(composite, "SHAPE_SHARE", share)
        for seed in range(4):
            composite.composite(np.random.default_rng(seed), datasets, 64)
    assert asked == [False] * 4 + [True] * 4
