"""The steps, `manifest` and `doctor` as commands."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.catalog import Catalog
from cutouts.cli import cli
from tests.photographs import blank, product


def cutouts(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


def test_each_step_prints_the_key_that_the_next_one_takes(tmp_path: Path) -> None:
    """manifest, plan, segment, gate and publish run one by one, followed by a person's release."""
    for seed in range(5):
        blank(tmp_path / "in" / f"empty-{seed}.jpg", seed=seed)
        product(tmp_path / "in" / f"{seed}.jpg", seed=seed)
    assert cutouts("manifest", tmp_path / "in", "-o", tmp_path / "m.parquet").exit_code == 0
    assert pq.read_table(tmp_path / "m.parquet").num_rows == 10
    site = ("--out", tmp_path / "site")
    from cutouts.intake import inspect

    (key,) = inspect(str(tmp_path / "m.parquet")).accepted
    shards = cutouts("plan", tmp_path / "m.parquet", "--delivery", key, *site).stdout.split()
    assert "5 cut" in cutouts("segment", *shards, *site, "--cluster", "serial").stdout or len(shards) == 1
    judged = cutouts("gate", shards[0].partition("/")[0], *site)
    assert judged.exit_code == 3
    assert judged.stderr.startswith(f"Delivery {key}: 10 images, 10 held; verdict: hold.\n  more than 30% of images")
    gate_id = judged.stdout.split()[-1]
    from cutouts.core.errors import CutoutsError

    held = CliRunner().invoke(cli, ["publish", gate_id, "--out", str(tmp_path / "site")])
    assert isinstance(held.exception, CutoutsError)
    assert cutouts("publish", "--approve", key, *site).exit_code == 2
    word = ("--by", "Ada", "--why", "meant so", *site)
    released = cutouts("publish", "--approve", key, "--except", "1.jpg", "--except", "2.jpg", *word)
    assert "3 published" in released.stdout
    assert cutouts("publish", gate_id, "--except", "1.jpg", *site).exit_code == 2
    with Catalog.open(f"sqlite:///{tmp_path}/site/catalog.sqlite") as catalog:
        assert catalog.counts().images == 3
        (newest,) = catalog.last_publications(1)
    also = cutouts("publish", "--approve", newest.gate_id, "--also", "1.jpg", *word)
    assert "1 published" in also.stdout


def test_doctor_says_what_is_available_and_what_is_missing(tmp_path: Path) -> None:
    """All is well on a CPU; a requested GPU that does not exist is MISSING, with exit status 1."""
    well = cutouts("doctor", "--out", tmp_path / "site", "--cluster", "serial")
    assert well.exit_code == 0, well.output
    for part in ("network: default", "catalogue", "cluster", "expectations", "onnxruntime"):
        assert part in well.output
    ill = cutouts("doctor", "--out", tmp_path / "site", "--cluster", "serial", "--provider", "cuda")
    if "MISSING network" in ill.output:
        assert ill.exit_code == 1


def test_doctor_explains_a_problem_once_and_names_every_check_that_it_fails(tmp_path: Path) -> None:
    """A network that does not exist has no calibration either."""
    ill = cutouts("doctor", "--out", tmp_path / "site", "--cluster", "serial", "--model", "nosuch")
    assert (ill.output.count("unknown model 'nosuch'"), ill.exit_code) == (1, 1), ill.output
    assert "MISSING calibration: the same problem as with the network" in ill.output


def test_doctor_reads_the_expectations_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are missing or that the gate would refuse are MISSING, with the reason and exit status 1."""
    monkeypatch.setenv("CUTOUTS_MASK_QUALITY", str(tmp_path / "mine.json"))
    gone = cutouts("doctor", "--out", tmp_path / "site", "--cluster", "serial")
    words = f"MISSING expectations: the suite {tmp_path}/mine.json is not a file"
    assert (words in gone.output, gone.exit_code) == (True, 1)
    (tmp_path / "mine.json").write_text("{}")
    torn = cutouts("doctor", "--out", tmp_path / "site", "--cluster", "serial")
    assert ("MISSING expectations: mine.json is not a suite" in torn.output, torn.exit_code) == (True, 1)


def test_doctor_checks_what_the_site_promises_and_renders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise that the calibration cannot keep, and a rendition that does not exist, are found before a run."""
    site = ("--out", tmp_path / "site", "--cluster", "serial")
    monkeypatch.setenv("CUTOUTS_RENDITIONS", "web-card")
    well = cutouts("doctor", *site).output
    assert "calibration: " in well
    assert "renditions: web-card" in well
    monkeypatch.setenv("CUTOUTS_RENDITIONS", "web-crad")
    monkeypatch.setenv("CUTOUTS_PROMISE", "0.0001")
    ill = cutouts("doctor", *site)
    assert ill.exit_code == 1
    assert "MISSING calibration: promise = 0.0001 cannot be kept" in ill.output
    assert "MISSING renditions: these renditions do not exist" in ill.output


def test_wrong_keys_are_explained(tmp_path: Path) -> None:
    """A usage error says what was expected."""
    assert "YYYY-MM-DD" in cutouts("plan", "m.parquet", "--delivery", "shoes").output
    assert "PLAN_ID/INDEX" in cutouts("segment", "nonsense", "--out", tmp_path).output
