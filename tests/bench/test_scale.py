"""Many workers and large catalogues: a real scheduler is measured, and the first limit is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.bench.scale import REQUESTS, Costs, forecast, read_costs
from cutouts.bench.scale_load import CHUNK_IMAGES, Load, measure_load
from cutouts.cli.measuring.bench import bench as command
from cutouts.core.errors import ConfigError
from cutouts.runner.clusters import threads_as_workers

COSTS = Costs(
    cut_ms=100.0,
    threads=4,
    chunk_ms=8.0,
    plan=10e-6,
    gate=20e-6,
    publish=30e-6,
    base_mb=300.0,
    image_mb=0.001,
    machine_mb=25_000.0,
)


def test_every_chunk_goes_through_the_scheduler() -> None:
    """Sixteen workers sleep for the time of their chunks, and no longer than the map takes."""
    load = measure_load(16, chunk_seconds=0.05, rounds=3)
    assert (load.workers, load.chunks) == (16, 48)
    assert 0 < load.busy <= 1
    assert load.cpu_ms > 0


def test_no_worker_pauses_because_of_the_memory_of_the_process() -> None:
    """They share one process, so each would take all of its memory for its own; none of them has a limit."""
    with threads_as_workers(2) as client:
        limits = {worker["memory_limit"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()}
    assert limits == {0}


def test_hours_follow_from_the_costs() -> None:
    """A million images of 100 ms on 8 × 4 threads take .87 h, the scheduler .07 h, the tables .02 h."""
    one = forecast(COSTS, images=1_000_000, workers=8)
    assert one.hours["workers"] == pytest.approx(1e6 * 0.1 / 32 / 3600)
    assert one.hours["scheduler"] == pytest.approx(1e6 / CHUNK_IMAGES * 0.008 / 3600)
    assert one.hours["tables"] == pytest.approx(60 / 3600)
    assert one.total == pytest.approx(one.hours["workers"] + one.hours["tables"])


@pytest.mark.parametrize(
    ("costs", "limit"),
    [
        (COSTS, "workers"),
        (replace(COSTS, cut_ms=1.0), "scheduler"),
        (replace(COSTS, cut_ms=1.0, gate=1e-3), "tables"),
    ],
    ids=["slow images", "fast images", "a slow gate"],
)
def test_the_first_limit_is_named(costs: Costs, limit: str) -> None:
    """On 64 workers, it is whatever takes longest."""
    assert forecast(costs, images=10_000_000, workers=64).limit == limit


def test_tables_that_do_not_fit_are_the_first_limit() -> None:
    """However long the rest takes, one process cannot judge a hundred million images of 1 kB each in 25 GB."""
    few, many = (forecast(COSTS, images=images, workers=1) for images in (10_000_000, 100_000_000))
    assert [few.memory_mb, many.memory_mb] == pytest.approx([10_300, 100_300])
    assert (few.limit, many.limit) == ("workers", "memory")


def test_requests_follow_from_the_workers() -> None:
    """8 × 4 threads cut 320 images per second; 1,750 images per second write as much as S3 accepts at first."""
    assert forecast(COSTS, images=1_000_000, workers=8).requests == pytest.approx(320 * REQUESTS)
    assert COSTS.s3_workers == pytest.approx(1_750 / 40)


def test_the_command_forecasts_from_measured_files(tmp_path: Path) -> None:
    """`cutouts bench scale` prints loads and forecasts, and writes both."""
    _write_costs(tmp_path)
    options = ["--workers", "2", "--millions", "1,100", "--chunk-seconds", "0.01", "--rounds", "2"]
    result = CliRunner().invoke(command, ["scale", *options, "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "100,000,000" in result.output
    written = json.loads((tmp_path / "scale.json").read_text())
    assert [one["images"] for one in written["forecasts"]] == [1_000_000, 100_000_000]
    assert written["costs"]["cut_ms"] == pytest.approx(125.0)


def test_missing_figures_say_what_to_run(tmp_path: Path) -> None:
    """Without bench.json, the error names the two commands."""
    load = Load(workers=1, chunk_seconds=1.0, chunks=1, seconds=1.0, cpu_seconds=0.01)
    with pytest.raises(ConfigError, match="cutouts bench plan"):
        read_costs(tmp_path, [load])


def _write_costs(folder: Path) -> None:
    run = {"busy": 0.8, "threads": 4, "workers": 1}
    (folder / "bench.json").write_text(json.dumps({"whole_ms": 100.0, "run": run, "machine": {"memory": 25e9}}))
    steps = ("plan, nothing known", "gate, all known", "publish, all known")
    measured = [{"step": step, "images": 1000, "seconds": 0.5, "peak_mb": 350.0} for step in steps]
    (folder / "plan.json").write_text(json.dumps({"measured": measured}))
