"""Products of one smooth material, in the outline of a photographed subject or of a slab."""

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
    """One photograph, of a post that leaves it below, to the right of its middle."""

    def pages() -> Iterator[Example]:
        rgba = np.full((90, 120, 4), (90, 120, 60, 0), np.uint8)
        rgba[20:, 60:100, 3] = 255
        yield Example(name="post", rgba=rgba)

    return dataset(tmp_path / "standing", pages)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """All outlines are those of photographed subjects, without straps, and nothing is printed on them."""
    for share in ("SLAB_SHARE", "TOOL_SHARE", "PRINTED_SHARE", "STRAPPED_SHARE"):
        monkeypatch.setattr(shapes, share, 0.0)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("seed", SEEDS)
def test_only_its_outline_tells_a_shape_from_what_is_behind(datasets: Datasets, seed: int) -> None:
    """One piece as the subject is, its colour as smooth as the light on it: no texture, nothing of the photograph."""
    rgba, _ = shape(np.random.default_rng(seed), datasets.natural, 200)
    solid = (rgba[..., 3] == 255).astype(np.uint8)
    assert cv2.connectedComponents(solid)[0] == 2
    assert 0.6 < solid.mean() < 0.8  # a disc fills π/4 of its box
    inside = cv2.erode(solid, np.ones((5, 5), np.uint8)) > 0
    edges = np.abs(cv2.Laplacian(rgba[..., :3].astype(np.float32), cv2.CV_32F))
    assert np.percentile(edges[inside], 99) <= 3


@pytest.mark.usefixtures("traced")
def test_a_print_is_seen_on_a_shape_and_no_hole_in_it(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
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
    """No colour exceeds its alpha, so that a shape may be resized as the products are."""
    rgba, _ = shape(np.random.default_rng(seed), datasets.natural, 120)
    assert (rgba[..., :3] <= rgba[..., 3:]).all()


def test_a_shape_is_as_large_as_asked(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its longer side is, straps apart."""
    monkeypatch.setattr(shapes, "STRAPPED_SHARE", 0.0)
    for size in (60, 200):
        rgba, _ = shape(np.random.default_rng(size), datasets.natural, size)
        assert max(rgba.shape[:2]) == size


@pytest.mark.parametrize("seed", SEEDS)
def test_some_are_slabs_with_four_corners(datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, convex, cut by no side."""
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
def test_some_are_tools_with_a_long_handle(datasets: Datasets, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece, cut by no side, much longer than wide."""
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
    """They rise above it, hold to it, and are as opaque; with the straps taken off it is what it was."""
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
def test_where_the_frame_cut_the_subject_it_cuts_the_shape(standing: Dataset) -> None:
    """The post continues below; nothing else touches the frame, mirrored or not."""
    for seed in SEEDS:
        rgba, sides = shape(np.random.default_rng(seed), standing, 140)
        assert sides == (False, True, False, False)
        assert rgba[-1, rgba.shape[1] // 2, 3] == 255


def test_a_shape_is_never_hidden_on_a_backdrop_of_its_own_colour(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could find it there; a product with features is hidden whenever the draw says so."""
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
