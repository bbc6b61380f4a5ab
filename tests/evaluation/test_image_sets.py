"""Sets of images with truths from folders and Parquet files, and problems of single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.errors import ConfigError
from cutouts.evaluation.image_sets import Case, Lost, folder_set, open_sets, parquet_set, spread
from tests.evaluation.networks import a_set, half_red, picture


def problems(images: Path, truth: Path) -> dict[str, str]:
    """The problems of the images of a set, by name."""
    return {item.name: item.problem for item in folder_set(images, truth, name="set").cases() if isinstance(item, Lost)}


def test_images_find_their_truths_by_name(tmp_path: Path) -> None:
    """Both have the same path below their folders, whatever the suffix; extra truths are counted."""
    images, truth = a_set(tmp_path, ["a", "sub/b"])
    picture(truth / "other.png", np.zeros((9, 9), np.uint8))
    found = folder_set(images, truth, name="set")
    cases = list(found.cases())
    assert [case.name for case in cases] == ["a", "sub/b"]
    assert all(isinstance(case, Case) and np.array_equal(case.truth, half_red().truth) for case in cases)
    assert (found.count, found.unused) == (2, 1)


def test_a_cutout_may_be_the_truth(tmp_path: Path) -> None:
    """Only the alpha of such a picture counts."""
    images, truth = a_set(tmp_path, ["a"])
    alpha = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
    picture(truth / "a.png", np.dstack([half_red().photograph.rgb, alpha]))
    (case,) = folder_set(images, truth, name="set").cases()
    assert isinstance(case, Case)
    np.testing.assert_allclose(case.truth * 255, alpha, atol=1e-4)


def test_each_unusable_image_has_its_reason(tmp_path: Path) -> None:
    """Missing, ambiguous, broken, wrong size and colours give one row each, and the others are read."""
    images, truth = a_set(tmp_path, ["good", "none", "two", "size", "colours", "labels", "broken"])
    (truth / "none.png").unlink()
    picture(truth / "two.webp", np.zeros((40, 60), np.uint8))
    picture(truth / "size.png", np.zeros((30, 60), np.uint8))
    picture(truth / "colours.png", half_red().photograph.rgb)
    picture(truth / "labels.png", half_red().truth.astype(np.uint8))
    (images / "broken.png").write_bytes((images / "good.png").read_bytes()[:40])
    found = problems(images, truth)
    assert found["none"] == f"it has no truth: {truth / 'none'}.* is not there"
    assert found["two"] == "it has more than one known matte: two.png, two.webp"
    assert found["size"] == "its truth does not fit: it has 60×30 px, the image 60×40"
    assert "expected a grey mask, or a cutout with alpha" in found["colours"]
    assert "its image cannot be read: the image is truncated" in found["broken"]
    assert "its values are 0 and 1" in found["labels"]
    assert len(found) == 6


def test_a_grey_mask_may_be_a_colour_jpeg(tmp_path: Path) -> None:
    """Small differences between its channels do not count as colour."""
    images, truth = a_set(tmp_path, ["a"])
    mask = np.repeat((half_red().truth * 255).astype(np.uint8)[..., None], 3, axis=2)
    (truth / "a.png").unlink()
    picture(truth / "a.jpg", np.where(mask > 0, np.array([250, 255, 248], np.uint8), mask))
    (case,) = folder_set(images, truth, name="set").cases()
    assert isinstance(case, Case)
    assert np.abs(case.truth - half_red().truth).max() < 0.05


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """Measuring nothing is not success."""
    with pytest.raises(ConfigError, match="no image found in"):
        folder_set(tmp_path, tmp_path, name="set")


def test_a_parquet_file_may_hold_the_masks(tmp_path: Path) -> None:
    """Columns have name, image and mask, and a null mask costs only its own row."""
    images, truth = a_set(tmp_path, ["a"])
    image, mask = (images / "a.png").read_bytes(), (truth / "a.png").read_bytes()
    table = pa.table({"name": ["a", "b"], "image": [image, image], "mask": [mask, None]})
    pq.write_table(table, tmp_path / "some.parquet")
    found = parquet_set(tmp_path / "some.parquet")
    case, lost = found.cases()
    assert isinstance(case, Case)
    assert case.truth.mean() == 0.5
    assert isinstance(lost, Lost)
    assert lost.problem.startswith("its truth cannot be used: the file is empty")
    assert (found.name, found.count) == ("some", 2)


def test_images_without_masks_are_scenes_without_a_product(tmp_path: Path) -> None:
    """Backgrounds have no mask column."""
    images, _ = a_set(tmp_path, ["a"])
    pq.write_table(pa.table({"name": ["a"], "image": [(images / "a.png").read_bytes()]}), tmp_path / "rooms.parquet")
    (case,) = parquet_set(tmp_path / "rooms.parquet").cases()
    assert isinstance(case, Case)
    assert case.truth.shape == (40, 60)
    assert not case.truth.any()


@pytest.mark.parametrize(
    ("columns", "advice"),
    [({"name": ["a"], "rgba_webp": [b""]}, "cutouts composites"), ({"name": ["a"]}, "there is no column image")],
)
def test_a_table_without_backgrounds_is_refused(tmp_path: Path, columns: dict[str, list[object]], advice: str) -> None:
    """For a table of cutouts the message says how to make test images from them."""
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match=advice):
        parquet_set(tmp_path / "x.parquet")


def test_a_file_that_is_not_a_table_is_refused(tmp_path: Path) -> None:
    """The message has the reader's own words."""
    (tmp_path / "x.parquet").write_bytes(b"no Parquet")
    with pytest.raises(ConfigError, match="cannot be read"):
        parquet_set(tmp_path / "x.parquet")


def test_a_limit_is_spread_evenly() -> None:
    """It includes first and last, because files are sorted by shop."""
    assert spread(7, 3) == [0, 3, 6]
    assert spread(3, None) == spread(3, 9) == [0, 1, 2]


def test_sets_are_opened_in_the_given_order(tmp_path: Path) -> None:
    """A folder with images/ and truth/ has its own truths, and other folders take the next ones."""
    images, truth = a_set(tmp_path, ["a"])
    own = tmp_path / "own"
    own.mkdir()
    images.rename(own / "images")
    truth.rename(own / "truth")
    other, masks = a_set(tmp_path, ["b", "c"])
    assert [one.name for one in open_sets([own, other], [masks])] == ["own", "pictures"]
    assert [one.count for one in open_sets([own, other], [masks], limit=1)] == [1, 1]


def test_sets_and_truths_have_to_match(tmp_path: Path) -> None:
    """Too few, too many, or a duplicate name give a message and no figures."""
    images, truth = a_set(tmp_path, ["a"])
    with pytest.raises(ConfigError, match="has no truth"):
        open_sets([images], [])
    with pytest.raises(ConfigError, match="more --truth than --images"):
        open_sets([images], [truth, truth])
    with pytest.raises(ConfigError, match="duplicate set name"):
        open_sets([images, images], [truth, truth])
