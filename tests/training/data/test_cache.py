"""Decoded images in a memory map: the same pixels, decoded once, and never a partial dataset."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.errors import ConfigError, StorageError
from cutouts.training.data.cache import (
    FASHION,
    PRODUCTS,
    SCENES,
    TRAINING_SHARDS,
    Dataset,
    Datasets,
    dataset,
    open_datasets,
)
from cutouts.training.data.examples import (
    CLEARING_SIDE,
    SIDES,
    Example,
    clearing_examples,
    masked_examples,
    model_examples,
    premultiplied,
    product_examples,
    render_examples,
    scene_examples,
)
from cutouts.training.data.folds import parse_fold


def _examples() -> Iterator[Example]:
    """Two images of different sizes, every pixel different."""
    yield Example(name="a", rgba=np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    yield Example(name="b", rgba=np.arange(16, dtype=np.uint8).reshape(2, 2, 4), sides=(False, True, False, False))


def _nobody() -> Iterator[Example]:
    """Pages that must not be requested."""
    raise AssertionError("the dataset was written already")


def _encoded(kind: str, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """Pixels as the bytes of a lossless file."""
    done, data = cv2.imencode(kind, pixels)
    assert done
    return data.tobytes()


def test_a_dataset_returns_what_was_written(tmp_path: Path) -> None:
    """Pixels, names and cut sides are unchanged, by index."""
    book = dataset(tmp_path / "book", _examples)
    assert [example.name for example in _examples()] == list(book.names)
    for index, example in enumerate(_examples()):
        np.testing.assert_array_equal(book[index], example.rgba)
        assert tuple(book.sides[index]) == example.sides


def test_a_dataset_is_decoded_once(tmp_path: Path) -> None:
    """The second time the files are read, and no example is requested."""
    dataset(tmp_path / "book", _examples)
    again = dataset(tmp_path / "book", _nobody)
    assert len(again) == 2


def test_an_incomplete_dataset_is_written_again(tmp_path: Path) -> None:
    """A killed process leaves pixels without an index, and the next one starts over."""

    def breaking() -> Iterator[Example]:
        yield next(_examples())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset(tmp_path / "book", breaking)
    assert len(dataset(tmp_path / "book", _examples)) == 2


def test_colours_are_premultiplied_and_alpha_is_kept() -> None:
    """Half transparent white is half as bright, and transparent pixels are black whatever their colour was."""
    rgba = np.array([[[255, 255, 255, 128], [9, 9, 9, 0], [10, 20, 30, 255]]], np.uint8)
    expected = [[[128, 128, 128, 128], [0, 0, 0, 0], [10, 20, 30, 255]]]
    np.testing.assert_array_equal(premultiplied(rgba), expected)


def test_photographs_carry_their_mask_as_alpha(tmp_path: Path) -> None:
    """RGB has the order of the file, and the mask is the fourth channel."""
    bgr = np.full((4, 5, 3), (10, 20, 30), np.uint8)
    mask = np.full((4, 5), 255, np.uint8)
    rows = {"name": ["x"], "image": [_encoded(".png", bgr)], "mask": [_encoded(".png", mask)]}
    pq.write_table(pa.table(rows), tmp_path / "masked.parquet")
    (example,) = masked_examples([tmp_path / "masked.parquet"])
    assert example.rgba[0, 0].tolist() == [30, 20, 10, 255]


def test_products_are_cropped_to_what_is_visible(tmp_path: Path) -> None:
    """Empty margins are removed, and the cut sides have the order top, bottom, left, right."""
    bgra = np.zeros((20, 30, 4), np.uint8)
    bgra[5:20, 10:16] = (1, 2, 3, 255)
    sides = {"touches_top": [False], "touches_bottom": [True], "touches_left": [False], "touches_right": [False]}
    rows = {"name": ["x"], "rgba_webp": [_encoded(".png", bgra)], **sides}
    pq.write_table(pa.table(rows), tmp_path / "products.parquet")
    (example,) = product_examples(tmp_path / "products.parquet")
    assert example.rgba.shape == (15, 6, 4)
    assert example.sides == (False, True, False, False)
    assert example.rgba[0, 0].tolist() == [3, 2, 1, 255]


def _render(name: str, model: str, coverage: bytes | None) -> dict[str, object]:
    """A red box on white; glass if a coverage is given."""
    image = np.full((40, 50, 3), 255, np.uint8)
    image[10:30, 10:40] = (0, 0, 200)
    alpha = np.zeros((40, 50), np.uint8)
    alpha[10:30, 10:40] = 255 if coverage is None else 20
    pictures = {"image": _encoded(".png", image), "alpha": _encoded(".png", alpha), "coverage": coverage}
    return {"name": name, "model": model, **pictures}


def _renders(file: Path) -> Path:
    """A table of two renders, the second of glass."""
    covered = np.zeros((40, 50), np.uint8)
    covered[10:30, 10:40] = 255
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [_render("plain-1", "prop_boxes_kraft", None), _render("glass-1", "vase", _encoded(".png", covered))]
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_renders_carry_their_matte_and_glass_stays_visible(tmp_path: Path) -> None:
    """Glass that lets nearly all light through still has half of a product's alpha."""
    opaque, glass = render_examples([_renders(tmp_path / "train-0.parquet")])
    assert opaque.rgba[20, 20].tolist() == [200, 0, 0, 255]
    assert glass.rgba[20, 20, 3] == 128
    assert not glass.rgba[0, 0, 3]


def test_products_of_renders_are_cut_out_unless_they_are_glass(tmp_path: Path) -> None:
    """They have the image's colours, and behind glass one sees the image's background."""
    (example,) = model_examples([_renders(tmp_path / "train-0.parquet")])
    assert example.name == "plain-1"
    assert example.rgba.shape == (20, 30, 4)
    assert (example.rgba == (200, 0, 0, 255)).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Training data of one or two images each, except for DUTS-TR, whose files hold one photograph each."""
    folder = tmp_path / "data"
    photograph = np.full((200, 300, 3), 90, np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    mask[20:180, 200:280] = 255
    masked = {"name": ["x"], "image": [_encoded(".png", photograph)], "mask": [_encoded(".png", mask)]}
    box = _encoded(".png", np.full((20, 30, 4), 255, np.uint8))
    sides = {side: [False, False] for side in SIDES}
    products = {"name": ["a/boot", "b/mug"], "source": ["shop a", "shop b"], "rgba_webp": [box, box], **sides}
    scenes = {"name": ["room"], "image": [_encoded(".png", photograph)]}
    tables = {**dict.fromkeys((*TRAINING_SHARDS, FASHION), masked), PRODUCTS: products, SCENES: scenes}
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), folder / name)
    _renders(folder / "renders/train-0.parquet")
    return folder


def _names(book: Dataset | None) -> tuple[str, ...]:
    return () if book is None else book.names


@pytest.mark.parametrize(
    ("left_out", "products", "rendered", "garments", "photographs"),
    [
        ([], ("a/boot", "b/mug"), ("plain-1", "glass-1"), True, 8),
        (["kind:shoes"], ("b/mug",), ("plain-1", "glass-1"), True, 8),
        (["source:shop b", "kind:cartons"], ("a/boot",), ("glass-1",), True, 8),
        (["source:rendered"], ("a/boot", "b/mug"), (), True, 8),
        (["kind:garments"], ("a/boot", "b/mug"), ("plain-1", "glass-1"), False, 7),
    ],
)
def test_nothing_of_an_excluded_fold_is_in_a_dataset(
    data: Path,
    tmp_path: Path,
    left_out: list[str],
    products: tuple[str, ...],
    rendered: tuple[str, ...],
    garments: bool,
    photographs: int,
) -> None:
    """Products and renders of its kind are left out, and with garments the drawn ones and street fashion too."""
    found = open_datasets(data, tmp_path / "cache", left_out=[*map(parse_fold, left_out)])
    assert _names(found.products) == products
    assert _names(found.rendered) == rendered
    assert _names(found.models) == tuple(name for name in rendered if name != "glass-1")
    assert (found.garments, len(found.natural)) == (garments, photographs)


def test_drawn_data_can_be_excluded(data: Path, tmp_path: Path) -> None:
    """This holds for garments and shapes."""
    found = open_datasets(data, tmp_path / "cache", left_out=[parse_fold("source:drawn")])
    assert (found.garments, found.shapes) == (False, False)


def test_a_training_without_any_product_is_refused(data: Path, tmp_path: Path) -> None:
    """The error names what was left out."""
    with pytest.raises(ConfigError, match="no products left") as caught:
        open_datasets(data, tmp_path / "cache", left_out=[parse_fold("source:shop")])
    assert "source:shop" in str(caught.value)
    with pytest.raises(ConfigError, match="no photographs left"):
        open_datasets(data, tmp_path / "cache", licensed=True, left_out=[parse_fold("kind:garments")])


def test_additional_renders_are_decoded(data: Path, tmp_path: Path) -> None:
    """The dataset of the earlier renders is not used for all of them."""
    assert len(_names(open_datasets(data, tmp_path / "cache").rendered)) == 2
    _renders(data / "renders/train-1.parquet")
    assert len(_names(open_datasets(data, tmp_path / "cache").rendered)) == 4


def test_renders_are_optional(data: Path, tmp_path: Path) -> None:
    """The training does without."""
    (data / "renders/train-0.parquet").unlink()
    found = open_datasets(data, tmp_path / "cache")
    assert (found.rendered, found.models) == (None, None)


def test_scenes_have_no_product(tmp_path: Path) -> None:
    """The alpha of a background is zero everywhere."""
    rows = {"name": ["hdri/x"], "image": [_encoded(".png", np.full((4, 5, 3), 7, np.uint8))]}
    pq.write_table(pa.table(rows), tmp_path / "scenes.parquet")
    (example,) = scene_examples(tmp_path / "scenes.parquet")
    assert not example.rgba[..., 3].any()


def test_clearings_are_the_widest_area_beside_the_subject(tmp_path: Path) -> None:
    """If the subject is at the right, it is the left; if it fills the photograph, there is none."""
    rows: dict[str, list[object]] = {"name": ["left", "full"], "image": [], "mask": []}
    for left in (CLEARING_SIDE + 60, 20):
        bgr, mask = np.full((200, 300, 3), 90, np.uint8), np.zeros((200, 300), np.uint8)
        mask[20:180, left:280] = 255
        bgr[mask > 0] = 255
        rows["image"].append(_encoded(".png", bgr))
        rows["mask"].append(_encoded(".png", mask))
    pq.write_table(pa.table(rows), tmp_path / "masked.parquet")
    (example,) = clearing_examples([tmp_path / "masked.parquet"])
    assert example.name == "left"
    assert example.rgba.shape[0] == 200
    assert CLEARING_SIDE <= example.rgba.shape[1] <= CLEARING_SIDE + 60
    assert (example.rgba == (90, 90, 90, 0)).all()


def test_an_undecodable_image_is_named(tmp_path: Path) -> None:
    """Broken bytes stop the training at its start with a message."""
    pq.write_table(pa.table({"name": ["x"], "image": [b"no image"]}), tmp_path / "scenes.parquet")
    with pytest.raises(StorageError, match="cannot be decoded: image of x is not an image"):
        list(scene_examples(tmp_path / "scenes.parquet"))


def test_a_dataset_is_pickled_without_its_pixels(datasets: Datasets) -> None:
    """The other process maps the same file."""
    packed = pickle.dumps(datasets)
    assert len(packed) < datasets.natural.pixels.size / 10
    np.testing.assert_array_equal(pickle.loads(packed).products[0], datasets.products[0])
