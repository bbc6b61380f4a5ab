"""What segment logs while it works, and what it skips if there is nothing to do."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import StorageError
from cutouts.core.records import Plan
from cutouts.intake import folder_manifest, inspect
from cutouts.runner import open_runner
from cutouts.steps import plan, segment, shard_progress
from tests.photographs import broken, product

NOWHERE = "tcp://127.0.0.1:9"


def planned(site: Site, folder: Path) -> Plan:
    """The plan of the one delivery in `folder`."""
    manifest = folder.parent / "manifest.parquet"
    pq.write_table(folder_manifest(folder)[0], manifest)
    (delivery,) = inspect(str(manifest)).accepted
    return plan(site, str(manifest), delivery)


def test_a_finished_shard_needs_no_cluster(site: Site, tmp_path: Path) -> None:
    """Its receipt is read, and an unreachable scheduler is not contacted."""
    product(tmp_path / "shoot" / "a.jpg")
    (shard,) = planned(site, tmp_path / "shoot").shard_keys()
    with open_runner(site) as runner:
        receipt = segment(site, shard, runner)
    with open_runner(site.model_copy(update={"cluster": NOWHERE})) as runner:
        assert segment(site, shard, runner) == receipt


def test_a_shard_that_its_plan_does_not_have_is_no_damage(site: Site, tmp_path: Path) -> None:
    """The error says how many shards the plan has. No file is called damaged, and nothing needs repair."""
    product(tmp_path / "shoot" / "a.jpg")
    (shard,) = planned(site, tmp_path / "shoot").shard_keys()
    with open_runner(site) as runner, pytest.raises(StorageError, match=r"no shard .*/00009: its plan has 1 shard, "):
        segment(site, replace(shard, index=9), runner)


def test_segment_logs_its_progress(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It logs sentences with counts, a final one, and one for a shard that was already done."""
    monkeypatch.setattr(shard_progress, "EVERY_SECONDS", 0.02)
    for seed in range(3):
        product(tmp_path / "shoot" / f"{seed}.jpg", seed=seed)
    broken(tmp_path / "shoot" / "broken.jpg")
    (shard,) = planned(site, tmp_path / "shoot").shard_keys()
    with caplog.at_level(logging.INFO, logger="cutouts"), open_runner(site) as runner:
        segment(site, shard, runner)
        segment(site, shard, runner)
    said = [record.getMessage() for record in caplog.records if record.name == "cutouts.steps.shard_progress"]
    assert said[0] == "shard 0: 4 images to cut"
    assert said[-2].startswith("shard 0: done, 3 cut, 0 reused, 1 rejected in ")
    assert said[-1] == "shard 0: already done, 4 images"
    pattern = re.compile(r"shard 0: [0-4] of 4 images, \d+\.\d images/s, [01] rejected")
    assert said[1:-2]
    assert all(pattern.fullmatch(line) for line in said[1:-2])
