"""The sets that networks are measured on: the same images every time, with matching truths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.errors import ConfigError
from cutouts.evaluation.composites import BOXES, KINDS, LONG_SIDE, Kind, Sources, composites, write_composites
from cutouts.evaluation.image_sets import Case, folder_set
from cutouts.training.data.examples import SIDES
from cutouts.training.data.folds import parse_fold

PRODUCTS = ("plain", "shaded", "busy")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A file with two products, one with a scene, and one with a render of each of two models."""
    products = []
    for colour in ((40, 60, 200, 255), (200, 60, 40, 255)):
        bgra = np.zeros((64, 64, 4), np.uint8)
        cv2.circle(bgra, (32, 32), 25, colour, -1, cv2.LINE_AA)
        products.append(cv2.imencode(".png", bgra)[1].tobytes())
    scene = cv2.imencode(".png", np.full((48, 48, 3), 90, np.uint8))[1].tobytes()
    sides = {side: [False] * 2 for side in SIDES}
    rows = {"name": ["shop/red.1", "shop/blue.1"], "source": ["one", "other"], "rgba_webp": products, **sides}
    pq.write_table(pa.table(rows), tmp_path / "products.parquet")
    pq.write_table(pa.table({"name": ["hdri/room.hdr/0"], "image": [scene]}), tmp_path / "backgrounds.parquet")
    alpha = cv2.imencode(".png", np.full((48, 48), 255, np.uint8))[1].tobytes()
    pictures = {"image": [scene] * 2, "alpha": [alpha] * 2, "coverage": pa.nulls(2, pa.binary())}
    models = {"name": ["white-1", "busy-2"], "model": ["red_sneaker", "mug+x"], **pictures}
    pq.write_table(pa.table(models), tmp_path / "renders.parquet")
    return Sources(
        products=tmp_path / "products.parquet",
        backgrounds=tmp_path / "backgrounds.parquet",
        renders=(tmp_path / "renders.parquet",),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_is_the_same_every_time(sources: Sources, kind: Kind) -> None:
    """The seed is fixed, so that every figure can be reproduced."""
    for first, again in zip(composites(sources, kind, 6).images, composites(sources, kind, 6).images, strict=True):
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.alpha, again.alpha)


@pytest.mark.parametrize(
    ("kind", "shape", "box", "corner"),
    [
        ("plain", (1000, 1000), (188, 235, 566, 569), 255),
        ("shaded", (750, 1000), (256, 71, 529, 529), 191),
        ("busy", (1000, 1000), (69, 67, 863, 863), 90),
        ("boxes", (1000, 1000), (128, 273, 638, 385), 250),
    ],
)
def test_a_set_never_changes_between_versions(
    sources: Sources, kind: Kind, shape: tuple[int, int], box: tuple[int, int, int, int], corner: int
) -> None:
    """Figures of different days are comparable only if the first product is always in the same place."""
    first = next(composites(sources, kind).images)
    found = cv2.boundingRect((first.alpha >= 128).astype(np.uint8))
    assert first.alpha.shape == shape
    np.testing.assert_allclose(found, box, atol=1)
    assert abs(int(first.image[0, 0, 0]) - corner) <= 1


@pytest.mark.parametrize("kind", PRODUCTS)
def test_the_truth_says_where_the_product_is(sources: Sources, kind: Kind) -> None:
    """Inside the alpha the picture has the product's red, and it is as large as a shop's photograph."""
    first = next(composites(sources, kind).images)
    assert first.image.shape[:2] == first.alpha.shape
    assert max(first.alpha.shape) == LONG_SIDE
    inside = first.image[first.alpha == 255]
    assert np.abs(inside.astype(int) - (200, 60, 40)).max() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_written_images_are_the_drawn_ones(sources: Sources, kind: Kind, tmp_path: Path) -> None:
    """They are lossless and keep their names, and an evaluation reads them back pixel by pixel."""
    write_composites(composites(sources, kind, 6), tmp_path / "sets" / kind)
    folder = tmp_path / "sets" / kind
    read = {item.name: item for item in folder_set(folder / "images", folder / "truth", name=kind).cases()}
    drawn = list(composites(sources, kind, 6).images)
    assert sorted(read) == sorted(one.name for one in drawn)
    for one in drawn:
        case = read[one.name]
        assert isinstance(case, Case)
        np.testing.assert_array_equal(case.photograph.rgb, one.image)
        np.testing.assert_array_equal(np.rint(case.truth * 255), one.alpha)


def test_empty_scenes_have_an_empty_truth(sources: Sources) -> None:
    """The backgrounds alone hold no product."""
    (scene,) = composites(sources, "empty").images
    assert not scene.alpha.any()


def test_boxes_need_no_file() -> None:
    """Each has one colour on white; turned ones fill no upright rectangle, and grey ones have no hue."""
    drawing = composites(Sources(products=None, backgrounds=None), "boxes", 12)
    drawn = list(drawing.images)
    assert [one.name.split("/")[0] for one in drawn] == [sort for sort in BOXES for _ in range(4)]
    for one in drawn:
        inside, outside = one.image[one.alpha == 255], one.image[one.alpha == 0]
        assert (inside == inside[0]).all()
        assert (outside == outside[0]).all()
        _, _, width, height = cv2.boundingRect(one.alpha)
        assert ((one.alpha > 0).sum() > 0.95 * width * height) == (not one.name.startswith("turned"))
        assert one.name.startswith("coloured") or np.ptp(inside[0]) == 0


def test_a_limit_is_spread_over_the_file(sources: Sources) -> None:
    """One of two is the first, with the same picture as without a limit."""
    few = composites(sources, "plain", 1)
    (one,) = few.images
    assert (few.count, one.name) == (1, "shop/red.1")
    np.testing.assert_array_equal(one.image, next(composites(sources, "plain").images).image)


def test_an_existing_set_is_not_overwritten(sources: Sources, tmp_path: Path) -> None:
    """Two sets in one folder would be measured as one."""
    write_composites(composites(sources, "empty"), tmp_path / "empty")
    with pytest.raises(ConfigError, match="already exists"):
        write_composites(composites(sources, "empty"), tmp_path / "empty")


def test_an_unfinished_set_does_not_exist(sources: Sources, tmp_path: Path) -> None:
    """If it is killed half way, nothing that could be measured is left, and the next call completes it."""

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_composites(composites(sources, "plain"), tmp_path / "plain", on_image=killed)
    assert not (tmp_path / "plain").exists()
    write_composites(composites(sources, "plain"), tmp_path / "plain")
    assert len(list((tmp_path / "plain").rglob("*.png"))) == 4


def test_the_file_of_a_kind_has_to_be_named(sources: Sources, tmp_path: Path) -> None:
    """If it is missing, of the wrong kind or not a table, the message says so."""
    with pytest.raises(ConfigError, match="name the file of backgrounds with --backgrounds"):
        composites(Sources(products=sources.products, backgrounds=None), "busy")
    with pytest.raises(ConfigError, match="has no column rgba_webp"):
        composites(Sources(products=sources.backgrounds, backgrounds=None), "plain")
    (tmp_path / "x.parquet").write_bytes(b"no Parquet")
    with pytest.raises(ConfigError, match="the set 'empty' cannot be made"):
        composites(Sources(products=None, backgrounds=tmp_path / "x.parquet"), "empty")


@pytest.mark.parametrize(
    ("only", "kind", "names"),
    [
        ("source:other", "plain", ["shop/blue.1"]),
        ("kind:shoes", "rendered", ["white-1"]),
        ("kind:kitchen", "rendered", ["busy-2"]),
        ("source:rendered", "rendered", ["white-1", "busy-2"]),
    ],
)
def test_a_set_of_one_fold_holds_only_that_fold(sources: Sources, only: str, kind: Kind, names: list[str]) -> None:
    """Its pictures are those of the whole set."""
    whole = {one.name: one for one in composites(sources, kind).images}
    drawing = composites(replace(sources, only=(parse_fold(only),)), kind)
    drawn = list(drawing.images)
    assert [one.name for one in drawn] == names
    assert drawing.count == len(names)
    for one in drawn:
        np.testing.assert_array_equal(one.image, whole[one.name].image)


def test_an_empty_fold_gives_no_set(sources: Sources) -> None:
    """An empty set would be measured as if it were a real one."""
    with pytest.raises(ConfigError, match="no picture matches kind:hats"):
        composites(replace(sources, only=(parse_fold("kind:hats"),)), "busy")


def test_renders_have_to_be_named(sources: Sources) -> None:
    """The files of the other kinds do too."""
    with pytest.raises(ConfigError, match="name the file of renders with --renders"):
        composites(replace(sources, renders=()), "rendered")
