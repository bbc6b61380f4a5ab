"""The sets that networks are measured on: the same images every time, truth that belongs to them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.training import testsets

SIDES = ("touches_top", "touches_bottom", "touches_left", "touches_right")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one product of a test split and one scene."""
    bgra = np.zeros((64, 64, 4), np.uint8)
    cv2.circle(bgra, (32, 32), 25, (40, 60, 200, 255), -1, cv2.LINE_AA)
    product = cv2.imencode(".png", bgra)[1].tobytes()
    scene = cv2.imencode(".png", np.full((48, 48, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / "products").mkdir()
    (tmp_path / "backgrounds").mkdir()
    rows = {"name": ["disc"], "rgba_webp": [product], **{side: [False] for side in SIDES}}
    pq.write_table(pa.table(rows), tmp_path / "products/products-test.parquet")
    scenes = pa.table({"name": ["hdri/room"], "image": [scene]})
    pq.write_table(scenes, tmp_path / "backgrounds/backgrounds-test.parquet")
    return tmp_path


@pytest.mark.parametrize("kind", ["plain", "shaded", "busy"])
def test_a_set_is_the_same_every_time(data: Path, kind: testsets.Kind) -> None:
    """The seed is fixed, so every figure can be made again."""
    (first,), (again,) = (list(testsets.products(data, kind)) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth, again.truth)


@pytest.mark.parametrize("kind", ["plain", "shaded", "busy"])
def test_truth_says_where_the_product_is(data: Path, kind: testsets.Kind) -> None:
    """Inside the alpha the picture shows the product's red, at about the size of a shop's photograph."""
    (case,) = testsets.products(data, kind)
    assert case.image.shape[:2] == case.truth.shape
    assert max(case.truth.shape) == testsets.LONG_SIDE
    inside = case.image[case.truth == 1]
    assert np.abs(inside.astype(int) - (200, 60, 40)).max() <= 2


def test_empty_scenes_have_an_empty_truth(data: Path) -> None:
    """The backgrounds by themselves hold no product."""
    (case,) = testsets.empty(data)
    assert not case.truth.any()
