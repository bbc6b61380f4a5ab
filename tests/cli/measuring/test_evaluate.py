"""`cutouts evaluate` and `cutouts composites` as a person uses them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.storage.ownership import MARKER
from cutouts.cli import cli
from cutouts.core.errors import ConfigError
from cutouts.training.data.examples import SIDES
from tests.evaluation.networks import a_set, red_is_product


def call(command: str, *arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [command, *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def halves(tmp_path: Path) -> tuple[object, ...]:
    """Two red halves with their truths, as options."""
    images, truth = a_set(tmp_path, ["a", "b"])
    return "--images", images, "--truth", truth, "-o", tmp_path / "out"


def test_a_folder_is_measured_with_the_model_of_the_site(halves: tuple[object, ...], tmp_path: Path) -> None:
    """Only images and truths have to be named; summary, figures and contact sheet are written."""
    result = call("evaluate", *halves)
    assert result.exit_code == 0
    assert "| F1, at ½ |" in result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {MARKER, "rows.csv", "summary.md", "worst.html"}
    assert (tmp_path / "out" / "summary.md").read_text(encoding="utf-8").strip() in result.output


def test_two_recipes_are_compared(halves: tuple[object, ...], tmp_path: Path) -> None:
    """If they are named only in the comparison, they are measured too."""
    network = red_is_product(tmp_path / "red.onnx")
    result = call("evaluate", *halves, "--compare", f"red={network}", "red:bare", "--rows", tmp_path / "x.parquet")
    assert result.exit_code == 0
    assert "## pictures: red against red:bare" in result.output
    assert pq.read_table(tmp_path / "x.parquet")["network"].to_pylist() == ["red", "red:bare"] * 2
    assert not (tmp_path / "out" / "rows.csv").exists()


def test_an_image_without_a_truth_is_listed_and_the_others_are_measured(tmp_path: Path) -> None:
    """Its line gives the reason, and the status is 1; an extra truth is only a warning."""
    images, truth = a_set(tmp_path, ["a", "b"])
    (truth / "b.png").rename(truth / "c.png")
    network = f"red={red_is_product(tmp_path / 'red.onnx')}"
    result = call(
        "evaluate", "--images", images, "--truth", truth, "-o", tmp_path / "out", "--network", network, "--worst", 0
    )
    assert result.exit_code == 1
    assert "not measured: pictures: b: it has no truth" in result.output
    assert "warning: pictures: truths without an image: 1" in result.output
    assert "| images | 1 |" in result.output
    assert not (tmp_path / "out" / "worst.html").exists()


def test_cutouts_without_truths_are_shown_side_by_side(tmp_path: Path) -> None:
    """The page has the photograph and a cutout per network, with the largest differences first."""
    images, _ = a_set(tmp_path, ["same", "other"])
    cv2.imwrite(str(images / "same.png"), np.zeros((40, 60, 3), np.uint8))
    whole, half = red_is_product(tmp_path / "a.onnx"), red_is_product(tmp_path / "b.onnx", share=0.5)
    page = tmp_path / "looks.html"
    result = call("look", images, "--network", f"whole={whole}:bare", "--network", f"half={half}:bare", "-o", page)
    assert result.exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.index("1. other") < text.index("2. same")
    assert text.count("data:image/webp") == 6
    assert "<b>whole:bare</b> keeps 50.0%" in text
    assert "<b>half:bare</b> keeps 25.0%" in text
    assert "http:" not in text
    assert "https:" not in text


def test_an_unreadable_image_is_reported_and_the_others_are_shown(tmp_path: Path) -> None:
    """One line gives its name and the reason, and the status is 1."""
    images, _ = a_set(tmp_path, ["good"])
    (images / "broken.jpg").write_bytes(b"no picture")
    network = f"red={red_is_product(tmp_path / 'red.onnx')}"
    result = call("look", images, "--network", network, "-o", tmp_path / "looks.html")
    assert result.exit_code == 1
    assert "not cut: broken: " in result.output
    assert "1. good" in (tmp_path / "looks.html").read_text(encoding="utf-8")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(ConfigError, match="nothing to look at"):
        call("look", tmp_path)


def test_the_suffix_of_the_figures_gives_their_format(halves: tuple[object, ...], tmp_path: Path) -> None:
    """Another suffix is refused before any work is done."""
    result = call("evaluate", *halves, "--rows", tmp_path / "rows.xlsx")
    assert result.exit_code == 2
    assert "expected a name that ends in .csv or .parquet" in result.output


def test_a_set_can_be_made_of_one_kind_of_product(tmp_path: Path) -> None:
    """With folds, only sets that hold products are made, and renders if a folder of them is named."""
    bgra = cv2.imencode(".png", np.full((64, 64, 4), 255, np.uint8))[1].tobytes()
    bgr, alpha = (cv2.imencode(".png", np.full(shape, 90, np.uint8))[1].tobytes() for shape in ((48, 48, 3), (48, 48)))
    sides = {side: [False, False] for side in SIDES}
    pq.write_table(pa.table({"name": ["boot", "mug"], "rgba_webp": [bgra] * 2, **sides}), tmp_path / "p.parquet")
    pq.write_table(pa.table({"name": ["room"], "image": [bgr]}), tmp_path / "b.parquet")
    renders = {"name": ["w"], "model": ["m"], "image": [bgr], "alpha": [alpha], "coverage": pa.nulls(1, pa.binary())}
    (tmp_path / "renders").mkdir()
    pq.write_table(pa.table(renders), tmp_path / "renders/a.parquet")
    (tmp_path / "models.csv").write_text("name,category,source\nm,shoes,us\n", encoding="utf-8")
    files = ("--products", tmp_path / "p.parquet", "--backgrounds", tmp_path / "b.parquet")
    rendered = ("--renders", tmp_path / "renders", "--models", tmp_path / "models.csv")
    result = call("composites", *files, *rendered, "--only", "kind:shoes", "-o", tmp_path / "sets")
    assert result.exit_code == 0
    made = sorted(path.relative_to(tmp_path / "sets").as_posix() for path in (tmp_path / "sets").glob("*/images/*"))
    products = [f"{kind}/images/boot.png" for kind in ("busy", "plain", "shaded")]
    assert made == [products[0], products[1], "rendered/images/w.png", products[2]]


def test_a_fold_without_its_prefix_is_refused(tmp_path: Path) -> None:
    """A kind or a source alone is ambiguous."""
    with pytest.raises(ConfigError, match="expected source:NAME or kind:NAME"):
        call("composites", "--only", "shoes", "-o", tmp_path / "sets")


def test_composites_are_made_and_measured(tmp_path: Path) -> None:
    """Two commands lead from cutouts and backgrounds to the table of a model card."""
    bgra = np.zeros((64, 64, 4), np.uint8)
    cv2.circle(bgra, (32, 32), 25, (40, 60, 200, 255), -1, cv2.LINE_AA)
    scene = np.full((48, 48, 3), 90, np.uint8)
    cutout, room = (cv2.imencode(".png", pixels)[1].tobytes() for pixels in (bgra, scene))
    rows = {"name": ["disc"], "rgba_webp": [cutout], **{side: [False] for side in SIDES}}
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    pq.write_table(pa.table({"name": ["room"], "image": [room]}), tmp_path / "b.parquet")
    files = ("--products", tmp_path / "p.parquet", "--backgrounds", tmp_path / "b.parquet")
    assert call("composites", *files, "-o", tmp_path / "sets").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "sets").iterdir()) == ["boxes", "busy", "empty", "plain", "shaded"]
    network = f"red={red_is_product(tmp_path / 'red.onnx')}:bare"
    sets = [word for kind in ("plain", "empty") for word in ("--images", tmp_path / "sets" / kind)]
    result = call("evaluate", *sets, "--network", network, "-o", tmp_path / "out", "--worst", 1)
    assert result.exit_code == 0
    assert "| network | plain | empty | ms | ms / first |" in result.output
    with pytest.raises(ConfigError, match="already exists"):
        call("composites", *files, "-o", tmp_path / "sets")
