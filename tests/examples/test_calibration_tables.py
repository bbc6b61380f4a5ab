"""examples/calibration makes tables of products that `cutouts composites` reads, from stamps and from renders."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.pixels import Bytes
from cutouts.evaluation.composites import Sources, composites
from examples.calibration.tables import rendered_products, stamps, without_shops, without_wrong_masks, wrong_masks


def _disc(size: int) -> Bytes:
    """Alpha of a disc in the middle, uint8 (size, size)."""
    alpha = np.zeros((size, size), np.uint8)
    cv2.circle(alpha, (size // 2, size // 2), size // 3, 255, -1, cv2.LINE_AA)
    return alpha


def _photograph(size: int) -> Bytes:
    """Pixels of many colours with the alpha of a disc, BGRA."""
    return np.dstack([np.random.default_rng(size).integers(0, 256, (size, size, 3), np.uint8), _disc(size)])


def _render(name: str, *, glass: bool) -> dict[str, object]:
    pixels = _photograph(200)
    picture, alpha = (cv2.imencode(".png", one)[1].tobytes() for one in (pixels[..., :3], pixels[..., 3]))
    return {"name": name, "kind": "plain", "image": picture, "alpha": alpha, "coverage": alpha if glass else None}


def test_stamps_that_are_photographs_become_products(tmp_path: Path) -> None:
    """Drawings, small stamps and cartoons are left out, and composites can be drawn of the others."""
    folder = tmp_path / "stamps"
    (folder / "food/cartoon").mkdir(parents=True)
    drawing = np.dstack([np.full((200, 200, 3), 90, np.uint8), _disc(200)])
    for name, pixels in {
        "food/pear": _photograph(200),
        "food/drawing": drawing,
        "food/small": _photograph(100),
        "food/cartoon/pear": _photograph(210),
    }.items():
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    stamps(folder, tmp_path / "stamps.parquet")
    assert pq.read_table(tmp_path / "stamps.parquet").column("name").to_pylist() == ["food_pear"]
    assert composites(Sources(products=tmp_path / "stamps.parquet"), "plain", None).count == 1


def test_opaque_products_of_renders_are_cropped(tmp_path: Path) -> None:
    """Glass is left out, because its pixels show the ground that it was rendered on."""
    rows = [_render("cup", glass=False), _render("glass", glass=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train-1.parquet")
    rendered_products([tmp_path / "train-1.parquet"], tmp_path / "models.parquet")
    (row,) = pq.read_table(tmp_path / "models.parquet").to_pylist()
    bgra = cv2.imdecode(np.frombuffer(row["rgba_webp"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert row["name"] == "cup"
    assert bgra is not None
    assert max(bgra.shape[:2]) < 150
    assert not any(row[f"touches_{side}"] for side in ("top", "bottom", "left", "right"))


def test_without_products_there_is_no_table(tmp_path: Path) -> None:
    """The error says what is missing."""
    with pytest.raises(ValueError, match="no stamps"):
        stamps(tmp_path, tmp_path / "stamps.parquet")
    with pytest.raises(ValueError, match="no renders"):
        rendered_products([], tmp_path / "models.parquet")


def test_scenes_of_shops_are_left_out(tmp_path: Path) -> None:
    """People hold products in them."""
    scenes = pa.table({"name": ["shop/1", "hdri/room"], "image": [b"", b""]})
    pq.write_table(scenes, tmp_path / "all.parquet")
    without_shops(tmp_path / "all.parquet", tmp_path / "some.parquet")
    assert pq.read_table(tmp_path / "some.parquet").column("name").to_pylist() == ["hdri/room"]


def test_products_whose_known_mask_is_wrong_are_left_out(tmp_path: Path) -> None:
    """A right mask would count as bad beside them. A table that has none of them is another one than was looked at."""
    wrong = [re.sub(r"\[(.).*?\]", r"\1", pattern).replace("*", "-red") for pattern in wrong_masks()]
    pq.write_table(pa.table({"name": ["shop/mug", *wrong]}), tmp_path / "all.parquet")
    without_wrong_masks(tmp_path / "all.parquet", tmp_path / "right.parquet")
    assert pq.read_table(tmp_path / "right.parquet").column("name").to_pylist() == ["shop/mug"]
    with pytest.raises(ValueError, match=r"right\.parquet has none of the products of wrong-masks\.txt"):
        without_wrong_masks(tmp_path / "right.parquet", tmp_path / "again.parquet")
