"""The bench of the server: its numbers are consistent; their size depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.bench.machine import this_machine
from cutouts.bench.serve_bench import Load, ServeReport, as_text
from cutouts.cli import cli
from cutouts.models import OWN_TABLE
from cutouts.models.site_rows import with_row
from tests.models_folder import picky_row
from tests.photographs import broken, product


def test_every_request_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real server is started, asked by the given numbers of clients, and ended; a bad image is left out."""
    models = tmp_path / "models"
    models.mkdir()
    (models / OWN_TABLE).write_text(with_row("", picky_row(models, limit=250)), encoding="utf-8")
    monkeypatch.setenv("CUTOUTS_MODELS", str(models))
    monkeypatch.setenv("CUTOUTS_SERVE_TOKEN", "only-for-these-tests")
    for number in range(2):
        product(tmp_path / "photos" / f"{number}.jpg", seed=number)
    broken(tmp_path / "photos" / "broken.jpg")
    told = CliRunner().invoke(
        cli,
        [
            *("bench", "serve", str(tmp_path / "photos"), "--clients", "1,3", "--requests", "6"),
            *("--workers", "1", "--model", "picky", "--out", str(tmp_path / "bench")),
        ],
        catch_exceptions=False,
    )
    assert told.exit_code == 0
    report = json.loads((tmp_path / "bench" / "serve.json").read_text())
    assert (report["images"], report["workers"], report["growth_mb"]) == (2, 1, None)
    assert [(load["clients"], load["requests"], load["refused"]) for load in report["loads"]] == [(1, 6, 0), (3, 6, 0)]
    assert [requests for requests, _ in report["curve"]] == [*range(1, 13)]
    assert report["unavoidable_ms"] > 0
    for load in report["loads"]:
        assert 0 < load["p50_ms"] <= load["p99_ms"]


def test_times_are_told_beside_what_cannot_be_avoided() -> None:
    """Times are told as ratios, too, and memory with its growth."""
    loads = tuple(
        Load(clients=count, requests=1000, refused=0, seconds=100, p50_ms=count * 120, p99_ms=200) for count in (4, 1)
    )
    curve = tuple((number, 500 + number / 1000) for number in range(0, 2001, 20))
    report = ServeReport(machine=this_machine(), images=3, workers=2, unavoidable_ms=100, loads=loads, curve=curve)
    text = as_text(report)
    assert "growth over the second half +1.00 MB per 1000" in text
    four, one = (line.split() for line in text.splitlines() if line.split()[0] in ("1", "4"))
    assert (one[6], four[6], one[8]) == ("1.20", "4.80", "50%")
