"""`cutouts withdraw`, `run --full` and `gc` as a person uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.catalog import Catalog
from cutouts.cli import cli
from cutouts.core.errors import CutoutsError, TransientError
from tests.photographs import product


def _cutouts(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


def test_a_folder_is_run_in_full_and_an_image_is_withdrawn(tmp_path: Path) -> None:
    """`--full` removes a deleted photograph, and a withdrawn one does not return with the next run."""
    for seed in range(3):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    run = ("run", tmp_path / "shoot", "--out", tmp_path / "out", "--cluster", "serial")
    assert _cutouts(*run).exit_code == 0
    (tmp_path / "shoot" / "2.jpg").unlink()
    assert "; 1 withdrawn" in _cutouts(*run, "--full").stdout
    order = ("--by", "Ada", "--because", "wrong shoe", "--out", tmp_path / "out")
    done = _cutouts("withdraw", "--image", "0.jpg", *order)
    assert done.stdout == "Delivery shoot: 1 withdrawn (publication 3).\n"
    (counts,) = (line for line in _cutouts(*run).stdout.splitlines() if line.startswith("2 images: "))
    assert [part in counts for part in ("1 skipped", "0 published", "1 quarantined")] == [True, True, True]
    with pytest.raises(CutoutsError, match=r"no image of image 0\.jpg is live"):
        _cutouts("withdraw", "--image", "0.jpg", *order)
    assert _cutouts("withdraw", *order).exit_code == 2


def test_gc_says_what_it_removed(tmp_path: Path) -> None:
    """An orphan goes once it is older than the grace period, which may be zero, but not while a step works."""
    settings = tmp_path / "cutouts.toml"
    settings.write_text(f'root = "{tmp_path}/site"\ngrace_hours = 0\n')
    orphan = tmp_path / "site" / "objects" / "ab" / "abc.png"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"orphan")
    said = "1 object, 0 unfinished files, 0 files of tables, 0 rows of the ledger, 0 rows of the history; 6 bytes\n"
    assert _cutouts("gc", "--dry-run", "--config", settings).stdout == f"would be removed: {said}"
    with Catalog.open(f"sqlite:///{tmp_path}/site/catalog.sqlite") as catalog, catalog.lease(alone=False):
        with pytest.raises(TransientError, match="something runs"):
            _cutouts("gc", "--config", settings)
        assert orphan.exists()
    assert _cutouts("gc", "--config", settings).stdout == f"removed: {said}"
    assert not orphan.exists()
