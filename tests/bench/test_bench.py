"""The numbers of the bench are consistent; their size depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from cutouts.bench import BenchReport, bench
from cutouts.bench.bench import growth
from cutouts.bench.plot import draw
from cutouts.bench.records import PARTS
from cutouts.bench.table import as_json, as_text
from cutouts.bench.worker import time_parts
from cutouts.cli.measuring.bench import bench as command
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.records import ImageRecord
from cutouts.stages import cut_chunk, job_of


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small photographs of a disc, and a file that is not an image."""
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(3):
        picture = np.full((120, 100, 3), 230, np.uint8)
        cv2.circle(picture, (50, 60), 20 + 5 * number, (40, 60, 180), -1)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)
    (folder / "broken.jpg").write_bytes(b"no photograph")
    return folder


@pytest.fixture(scope="module")
def report(photographs: Path) -> BenchReport:
    """A bench of seven images in this process, with one other batch size."""
    return bench(Site(cluster="serial"), photographs, images=7, workers=(2,), batches=(1, 2))


def test_every_image_is_counted(report: BenchReport) -> None:
    """Three images are repeated to seven; an undecodable one is left out and reported."""
    assert (report.images, report.left_out, report.run.images) == (3, 1, 7)
    assert report.megapixels == pytest.approx(0.012)
    assert report.run.curve[-1][0] == 7


def test_the_parts_add_up_to_the_whole(report: BenchReport) -> None:
    """No part is missing or takes no time, and the unavoidable part is less than all of them."""
    assert [part.name for part in report.parts] == list(PARTS)
    assert all(part.ms > 0 for part in report.parts)
    assert 0 < report.unavoidable_ms < sum(part.ms for part in report.parts)
    assert report.ratio == pytest.approx(report.whole_ms / report.unavoidable_ms)
    assert report.ratio_with_runner >= report.ratio


def test_a_single_image_is_compared_with_its_own_parts(report: BenchReport) -> None:
    """They are timed on one core, and `Cutter` on all."""
    assert report.lone.unavoidable_ms > 0
    assert report.lone_ratio == report.lone.cutter_ms / report.lone.unavoidable_ms


def test_the_parts_write_the_same_files_as_a_run(photographs: Path, tmp_path: Path) -> None:
    """The objects stored part by part match those of a run byte for byte, soft edges included."""
    images = [
        ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="bench", uri=str(path))
        for path in sorted(photographs.glob("[0-9].jpg"))
    ]
    parts, whole = (
        job_of(Site(objects=str(tmp_path / name)), sources=[str(photographs)]) for name in ("parts", "whole")
    )
    time_parts(parts, images)
    masks = cut_chunk(whole, images).masks
    stored = {path.name: path.read_bytes() for path in (tmp_path / "parts").rglob("*.png")}
    assert stored == {path.name: path.read_bytes() for path in (tmp_path / "whole").rglob("*.png")}
    assert len(stored) == 2 * len(images)
    matte = cv2.imread(str(tmp_path / "parts" / masks[0].mask), cv2.IMREAD_UNCHANGED)
    assert len(np.unique(np.asarray(matte))) > 2


def test_the_stages_add_up_to_the_working_time(report: BenchReport) -> None:
    """Prepare, infer and finish fill the time of the chunks, which fits into that of the threads."""
    run = report.run
    at_work = 1000 * run.busy * run.seconds * run.threads / run.images
    assert 0.5 * at_work < run.prepare_ms + run.infer_ms + run.finish_ms <= at_work
    assert 0 < run.busy <= 1
    assert run.open_seconds + run.first_seconds > 0


def test_only_different_layouts_are_tried(report: BenchReport) -> None:
    """Serial has no workers to vary, and its batch of 1 has been measured already."""
    assert [(run.cluster, run.batch) for run in report.others] == [("serial", 2)]


def test_text_and_json_agree(report: BenchReport) -> None:
    """The ratio and the rates in the text are those in the JSON."""
    text, values = as_text(report), json.loads(as_json(report))
    assert f"= {values['ratio']:.2f}" in text
    assert f"whole path {values['run']['images_per_second']:.2f} images/s" in text
    assert f"bare network {values['network_images_per_second']:.2f} images/s" in text
    assert all(part["name"] in text for part in values["parts"])


def test_the_plot_is_an_svg(report: BenchReport, tmp_path: Path) -> None:
    """It has text for each of its four plots."""
    draw(report, tmp_path / "bench.svg")
    assert "<svg" in (tmp_path / "bench.svg").read_text()


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([(0, 50.0), (400, 100.0)], None),
        ([(done, 300.0) for done in range(0, 1001, 50)], 0.0),
        ([(done, 100 + done / 100) for done in range(0, 1001, 50)], 10.0),
        ([(done, min(200.0, 100 + done)) for done in range(0, 1001, 50)], 0.0),
    ],
)
def test_growth_is_the_slope_after_the_warm_up(curve: list[tuple[int, float]], expected: float | None) -> None:
    """Memory that rises at first and then stays has not grown; too few images give no figure."""
    found = growth(curve)
    assert found is None if expected is None else found == pytest.approx(expected, abs=1e-6)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        bench(Site(cluster="serial"), tmp_path, images=1)


def test_the_command_prints_tables_and_writes_files(photographs: Path, tmp_path: Path) -> None:
    """`cutouts bench FOLDER` prints the tables and writes JSON and plot."""
    options = ["--cluster", "serial", "--images", "3", "--workers", "", "--batches", "", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, [str(photographs), *options], catch_exceptions=False)
    assert result.exit_code == 0
    assert "cannot be avoided" in result.output
    assert json.loads((tmp_path / "out" / "bench.json").read_text())["images"] == 3
    assert (tmp_path / "out" / "bench.svg").is_file()


def test_it_says_what_became_slower(photographs: Path, tmp_path: Path) -> None:
    """`--compare FILE` reads the earlier figures before it replaces them, and prints a table."""
    out = str(tmp_path / "out")
    options = ["--cluster", "serial", "--images", "3", "--workers", "", "--batches", "", "--out", out]
    CliRunner().invoke(command, [str(photographs), *options], catch_exceptions=False)
    again = [str(photographs), *options, "--compare", f"{out}/bench.json"]
    result = CliRunner().invoke(command, again, catch_exceptions=False)
    assert result.exit_code == 0
    assert "worse than before: " in result.output


def test_invalid_counts_are_refused(photographs: Path) -> None:
    """`--workers two` says what was expected."""
    result = CliRunner().invoke(command, [str(photographs), "--workers", "two"])
    assert result.exit_code == 2
    assert "expected numbers" in result.output
