"""The demo's photographs and their known mattes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cutouts.core.pixels import Bytes
from cutouts.samples import DELIVERY, SAMPLES, write_samples
from cutouts.samples.canvas import Window, ellipse, polygon
from cutouts.samples.sample_set import photograph_of


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of the photographs and of their mattes."""
    photographs = tmp_path_factory.mktemp("samples") / "photographs"
    truth = write_samples(photographs)
    return photographs / DELIVERY, truth / DELIVERY


def _grey(path: Path) -> Bytes:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)


def _holes(matte: Bytes) -> int:
    count, _, boxes, _ = cv2.connectedComponentsWithStats((matte < 128).astype(np.uint8))
    return sum(int(boxes[label, cv2.CC_STAT_AREA]) > 500 for label in range(1, count)) - 1


def test_every_sample_has_a_photograph_and_a_matte(written: tuple[Path, Path]) -> None:
    """They have equal stems, and only the broken file has no matte."""
    photographs, truth = written
    assert {path.stem for path in photographs.iterdir()} == {sample.stem for sample in SAMPLES}
    assert {path.stem for path in truth.iterdir()} == {sample.stem for sample in SAMPLES if not sample.broken}
    for path in truth.iterdir():
        photograph = _grey(photographs / f"{path.stem}.jpg")
        assert _grey(path).shape == photograph.shape[:2]
        assert 1200 <= max(photograph.shape) <= 1600


def test_the_broken_file_is_a_jpeg_that_ends_too_early(written: tuple[Path, Path]) -> None:
    """It starts like a JPEG and lacks the end marker."""
    data = (written[0] / "mug-broken-file.jpg").read_bytes()
    assert data.startswith(b"\xff\xd8\xff")
    assert not data.endswith(b"\xff\xd9")


def test_the_empty_studio_has_an_empty_matte(written: tuple[Path, Path]) -> None:
    """It shows no product."""
    assert not _grey(written[1] / "empty-studio.png").any()


@pytest.mark.parametrize(
    ("stem", "holes"), [("mug-with-a-hole", 1), ("bottle-packshot", 0), ("teapot-in-a-busy-scene", 1)]
)
def test_a_handle_leaves_a_hole_in_the_matte(written: tuple[Path, Path], stem: str, holes: int) -> None:
    """The area inside a handle is background."""
    assert _holes(_grey(written[1] / f"{stem}.png")) == holes


def test_the_straps_are_a_few_pixels_wide(written: tuple[Path, Path]) -> None:
    """An opening by a disc wider than the straps removes everything above the bag."""
    matte = _grey(written[1] / "bag-on-fine-straps.png")
    upper = matte[: matte.shape[0] // 2]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (27, 27))
    assert (upper > 128).sum() > 5000
    assert not (cv2.morphologyEx(upper, cv2.MORPH_OPEN, disc) > 128).any()


def test_glass_is_transparent_and_juice_is_nearly_opaque(written: tuple[Path, Path]) -> None:
    """The matte is soft over a large part and nearly opaque over another."""
    matte = _grey(written[1] / "glass-of-juice.png")
    inside = matte[matte > 0]
    assert ((inside > 20) & (inside < 150)).mean() > 0.15
    assert (inside > 235).mean() > 0.4


def test_outside_the_matte_the_product_is_invisible() -> None:
    """Where the known matte is 0 the photograph equals the same scene without its product."""
    shot = SAMPLES[0].draw()
    photograph, matte = photograph_of(shot, seed=0)
    difference = np.abs(photograph / 255 - shot.backdrop).max(-1)
    assert difference[matte == 0].mean() < 0.03
    assert difference[matte == 255].mean() > 0.2


def test_the_photographs_are_reproducible() -> None:
    """Drawing is deterministic, so that a second demo run skips what it knows."""
    first, second = (photograph_of(SAMPLES[6].draw(), seed=6)[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_a_polygon_covers_its_area() -> None:
    """The coverage of a disc adds up to its area within an eighth of a pixel along its contour."""
    disc = ellipse((50.3, 41.7), (30, 30))
    cover = polygon(Window.around(disc), disc)
    assert float(cover.sum()) == pytest.approx(np.pi * 30**2, abs=2 * np.pi * 30 / 8)
