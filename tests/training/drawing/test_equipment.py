"""Studio equipment in the frame is held by something, never on plain ground, and never part of the product."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cutouts.core.pixels import Floats
from cutouts.training.data.cache import Datasets
from cutouts.training.drawing import equipment, scenes
from cutouts.training.drawing.composite import composite, nothing
from cutouts.training.drawing.equipment import equipped
from cutouts.training.drawing.scenes import backdrop, empty_scene

SEEDS = range(24)


def _differs(first: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return not np.array_equal(first, other)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(64, 96), (300, 240)])
def test_equipment_covers_a_part_of_the_scene(seed: int, shape: tuple[int, int]) -> None:
    """Most of the scene is uncovered, and the given scene is not modified."""
    green = np.full((*shape, 3), (0, 200, 0), np.uint8)
    covered = (equipped(np.random.default_rng(seed), green) != green).any(axis=2)
    assert 0.001 < covered.mean() < 0.7
    assert not _differs(green, np.full((*shape, 3), (0, 200, 0), np.uint8))


@pytest.mark.parametrize("seed", SEEDS)
def test_equipment_reaches_the_frame_or_stands(seed: int) -> None:
    """It touches a side of the frame or is as tall as a stand."""
    green = np.full((300, 240, 3), (0, 200, 0), np.uint8)
    covered = (equipped(np.random.default_rng(seed), green) != green).any(axis=2)
    rows = np.flatnonzero(covered.any(axis=1))
    meets = covered[0].any() or covered[-1].any() or covered[:, 0].any() or covered[:, -1].any()
    assert meets or rows[-1] - rows[0] > 60


@pytest.mark.parametrize("seed", SEEDS)
def test_no_rod_is_as_thin_as_a_strap(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rod survives an opening by five pixels of 300, because thin lines look like straps."""
    monkeypatch.setattr(equipment, "_head", lambda *_: None)
    green = np.full((300, 240, 3), (0, 200, 0), np.uint8)
    rods = (equipped(np.random.default_rng(seed), green) != green).any(axis=2).astype(np.uint8)
    thick = cv2.morphologyEx(rods, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    assert thick.sum() > 0.9 * rods.sum() > 0


def test_equal_seeds_give_equal_equipment() -> None:
    """What a step shows depends only on its number."""
    grey = np.full((60, 80, 3), 120, np.uint8)
    first, again = (equipped(np.random.default_rng(3), grey) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_plain_backgrounds_have_no_equipment(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp on white is a product; only a minority of the rooms and sheets have equipment."""

    def drawn(share: float, near: Floats | None) -> list[npt.NDArray[Any]]:
        monkeypatch.setattr(scenes, "EQUIPPED_SHARE", share)
        return [backdrop(np.random.default_rng(seed), datasets, 60, 60, near) for seed in range(60)]

    white = np.full(3, 240, np.float32)
    carry, hidden = (
        sum(_differs(bare, full) for bare, full in zip(drawn(0.0, near), drawn(1.0, near), strict=True))
        for near in (None, white)
    )
    assert 15 <= carry <= 40
    assert hidden == 0


def test_empty_scenes_have_equipment_without_alpha(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp is not a product, so the truth stays empty."""

    def drawn(share: float) -> list[npt.NDArray[Any]]:
        monkeypatch.setattr(scenes, "EMPTY_EQUIPPED_SHARE", share)
        return [empty_scene(np.random.default_rng(seed), datasets, 60, 60) for seed in range(40)]

    assert sum(_differs(bare, full) for bare, full in zip(drawn(0.0), drawn(1.0), strict=True)) >= 20
    assert all(nothing(np.random.default_rng(seed), datasets, 60)[..., 3].max() == 0 for seed in range(40))


def test_equipment_is_behind_the_product_and_not_in_its_alpha(
    datasets: Datasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A composite has the same alpha with and without it, and opaque parts differ only by noise."""

    def drawn(share: float) -> list[npt.NDArray[Any]]:
        monkeypatch.setattr(scenes, "equipped", lambda _, scene: scene if share == 0 else 255 - scene)
        monkeypatch.setattr(scenes, "EQUIPPED_SHARE", 1.0)
        return [composite(np.random.default_rng(seed), datasets, 64) for seed in range(20)]

    pairs = list(zip(drawn(0.0), drawn(1.0), strict=True))
    assert sum(_differs(bare, full) for bare, full in pairs) >= 4
    assert not any(_differs(bare[..., 3], full[..., 3]) for bare, full in pairs)
