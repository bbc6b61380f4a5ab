"""`cutouts gate calibrate` as a person uses it, up to a run whose gate uses the calibration."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.cli import cli
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, GateError
from cutouts.intake import inspect
from cutouts.models import OWN_TABLE, ModelRow
from cutouts.models.calibrations import read_calibration
from cutouts.models.site_rows import with_row
from cutouts.schemas.tables import JUDGED_MASKS
from cutouts.steps import plan
from tests.evaluation.networks import picture, red_is_product
from tests.models_folder import digest_of


def call(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["gate", "calibrate", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The settings of a site whose one network takes everything red for the product."""
    models = tmp_path / "models"
    models.mkdir()
    file = red_is_product(models / "red.onnx")
    row = ModelRow(
        name="red", file="red.onnx", sha256=digest_of(file), width_px=8, height_px=8, resize="stretch",
        layout="nhwc-uint8", licence="none", commercial=True, about="",
    )  # fmt: skip
    (models / OWN_TABLE).write_text(with_row("", row), encoding="utf-8")
    path = tmp_path / "cutouts.toml"
    path.write_text(f'model = "red"\nmodels = "{models}"\nroot = "{tmp_path / "site"}"\ncluster = "serial"\n')
    return path


@pytest.fixture
def photographs(tmp_path: Path) -> tuple[Path, Path]:
    """Thirty products that the network finds, and thirty that it finds faintly and half, with their truths."""
    rng = np.random.default_rng(0)
    for number in range(60):
        image, truth = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
        left, top = (int(at) for at in rng.integers(4, 16, 2))
        cv2.rectangle(truth, (left, top), (left + 40, top + 40), 255, cv2.FILLED)
        image[truth > 0] = (255, 0, 0)
        if number % 2:
            image[32:][truth[32:] > 0] = (int(rng.integers(90, 160)), 200, 0)
        picture(tmp_path / "pictures" / f"{number}.png", image)
        picture(tmp_path / "masks" / f"{number}.png", truth)
    return tmp_path / "pictures", tmp_path / "masks"


def test_a_calibrated_network_is_accepted_by_a_run(settings: Path, photographs: tuple[Path, Path]) -> None:
    """Before, a plan is refused with the command to use; afterwards the models folder has the calibration."""
    images, truth = photographs
    site = Site(model="red", models=str(settings.parent / "models"), root=str(settings.parent / "site"))
    manifest = settings.parent / "today.parquet"
    CliRunner().invoke(cli, ["manifest", str(images), "-o", str(manifest)], catch_exceptions=False)
    (delivery,) = inspect(str(manifest)).accepted
    with pytest.raises(GateError, match=r"not calibrated for the network 'red'.*cutouts gate calibrate --network red"):
        plan(site, str(manifest), delivery)
    result = call("--images", images, "--truth", truth, "--config", settings)
    assert result.exit_code == 0
    assert "| red | 60 |" in result.output
    assert plan(site, str(manifest), delivery).todo == 60


def test_images_that_cannot_be_used_are_named(settings: Path, photographs: tuple[Path, Path]) -> None:
    """With the reason, so that nobody searches why so few masks were found: of many, the first ones."""
    images, truth = photographs
    labels = np.eye(64, dtype=np.uint8)
    picture(truth / "0.png", labels)
    picture(truth / "1.png", np.full((32, 64), 255, np.uint8))
    (truth / "2.png").rename(truth / "2_mask.png")
    said = call("--images", images, "--truth", truth, "--config", settings).output
    assert "not used: pictures: 0: its truth cannot be used: its values are 0 and 1" in said
    assert "not used: pictures: 1: its truth does not fit: it has 64×32 px, the image 64×64" in said
    assert "not used: pictures: 2: it has no truth" in said
    assert "pictures: truths without an image: 1" in said
    assert "fitted on 57 masks" in said
    for number in range(3, 60):
        picture(truth / f"{number}.png", labels)
    with pytest.raises(ConfigError, match="0 bad and 0 good masks"):
        call("--images", images, "--truth", truth, "--config", settings)


def test_masks_are_measured_once_and_fitted_or_checked_later(settings: Path, photographs: tuple[Path, Path]) -> None:
    """--keep only measures, and --masks and --check need no images."""
    images, truth = photographs
    kept, written = settings.parent / "kept.parquet", settings.parent / "x.calibration.json"
    assert call("--images", images, "--truth", truth, "--keep", kept, "--config", settings).exit_code == 0
    assert pq.read_table(kept).num_rows == 60
    plot = settings.parent / "reliability.svg"
    result = call("--masks", kept, "--check", kept, "-o", written, "--plot", plot, "--config", settings)
    assert "fitted on 60 masks" in result.output
    assert "| mean confidence |" in result.output
    assert "| network | at most bad | p_bad up to | published | bad ones among these |" in result.output
    assert read_calibration(written).checked
    assert plot.read_bytes().startswith(b"<?xml")


def test_a_file_without_masks_is_refused_by_name(settings: Path, photographs: tuple[Path, Path]) -> None:
    """A picture is not taken for measured masks, and a call without any input is refused."""
    with pytest.raises(ConfigError, match=r"0\.png contains no masks"):
        call("--masks", photographs[0] / "0.png", "--config", settings)


@pytest.mark.parametrize("how", ["null", "absent"])
def test_masks_without_a_measurement_are_refused(settings: Path, tmp_path: Path, how: str) -> None:
    """Nothing is made up for what an older version did not measure."""
    row = {field.name: 0.5 if field.type == pa.float32() else "x" for field in JUDGED_MASKS} | {
        "bad": True,
        "components": 1,
    }
    masks = pa.Table.from_pylist([row | {"islands": None}], schema=JUDGED_MASKS)
    kept = tmp_path / "kept.parquet"
    pq.write_table(masks if how == "null" else masks.drop_columns("islands"), kept)
    with pytest.raises(ConfigError, match="contains no masks") as caught:
        call("--masks", kept, "--config", settings)
    assert "islands" in str(caught.value)
    with pytest.raises(ConfigError, match="nothing to calibrate on"):
        call("--config", settings)


def test_files_of_others_are_not_replaced(settings: Path, photographs: tuple[Path, Path]) -> None:
    """The masks and the calibration may replace only what the command wrote before."""
    images, truth = photographs
    kept, own = settings.parent / "kept.parquet", settings.parent / "own.txt"
    own.write_text("mine")
    for _ in range(2):
        assert (
            call("--images", images, "--truth", truth, "--limit", 4, "--keep", kept, "--config", settings).exit_code
            == 0
        )
    for option, arguments in (("--keep", ("--masks", kept)), ("-o", ("--images", images, "--truth", truth))):
        with pytest.raises(ConfigError, match=r"own\.txt already exists"):
            call(*arguments, option, own, "--config", settings)
    assert own.read_text() == "mine"
