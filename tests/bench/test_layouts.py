"""The bench of layouts: each is measured, and what limits it follows from how busy everything was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.bench.bench import cycled
from cutouts.bench.layouts import LayoutReport, LayoutRun, as_json, as_text
from cutouts.bench.machine import this_machine
from cutouts.bench.machine_load import machine_load
from cutouts.bench.network_alone import NetworkAlone
from cutouts.bench.records import Run
from cutouts.cli.measuring.bench_layouts import layouts as command
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, ModelError
from cutouts.core.records import ImageRecord
from tests.photographs import product

WHOLE = Run(
    cluster="cuda", workers=4, threads=8, batch=8, images=100, seconds=2.0, busy=0.95, prepare_ms=1.0, infer_ms=2.0,
    finish_ms=3.0, open_seconds=0.0, first_seconds=0.0, peak_mb=100.0, growth_mb=None, curve=(),
)  # fmt: skip
RUN = LayoutRun(model="default", provider="cuda", automatic=False, cores=0.5, gpus=0.5, run=WHOLE)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two photographs."""
    for seed in range(2):
        product(tmp_path / "photographs" / f"{seed}.jpg", seed=seed)
    return tmp_path / "photographs"


def test_every_layout_is_measured_once(photographs: Path, tmp_path: Path) -> None:
    """Table and file have a row for each pair of network and batch size, with all images in it."""
    options = ["--images", "3", "--cluster", "serial", "--models", "default,default-int8", "--workers", "auto"]
    options += ["--batches", "1,2"]
    out = tmp_path / "out"
    done = CliRunner().invoke(command, [str(photographs), *options, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "layouts.json").read_text())
    runs = report["runs"]
    assert [(run["model"], run["batch"]) for run in runs] == [
        (model, batch) for model in ("default", "default-int8") for batch in (1, 2)
    ]
    assert {run["images"] for run in runs} == {3}
    assert all(run["images_per_second"] == pytest.approx(3 / run["seconds"]) for run in runs)
    assert all(0 < run["cores"] <= 1 and run["busy"] <= 1 for run in runs)
    table = (out / "layouts.md").read_text()
    assert table.startswith(f"2 photographs of {report['megapixels']:.1f} MP on average, on ")
    assert table.count(" | 1 × 1 (automatic) | ") == 4
    assert [(one["model"], one["batch"]) for one in report["networks"]] == [
        (run["model"], run["batch"]) for run in runs
    ]
    assert all(one["images_per_second"] > 0 for one in report["networks"])


@pytest.mark.parametrize(
    ("options", "error"),
    [(["--cluster", "cuda"], ConfigError), (["--cluster", "serial", "--provider", "cuda"], ModelError)],
)
def test_a_missing_gpu_ends_the_bench(
    photographs: Path, tmp_path: Path, options: list[str], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is measured on the CPU in its place, and nothing is written."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    out = tmp_path / "out"
    with pytest.raises(error, match="not available"):
        CliRunner().invoke(command, [str(photographs), *options, "--out", str(out)], catch_exceptions=False)
    assert not (out / "layouts.json").exists()


@pytest.mark.parametrize(
    ("run", "limit"),
    [
        (replace(RUN, gpus=0.97), "the GPU"),
        (replace(RUN, gpus=0.97, cores=0.97), "the GPU"),
        (replace(RUN, cores=0.97), "the cores"),
        (replace(RUN, cores=0.97, gpus=None), "the cores"),
        (RUN, "threads wait for each other"),
        (replace(RUN, run=replace(WHOLE, busy=0.4)), "threads wait for chunks"),
    ],
)
def test_what_is_always_busy_is_the_limit(run: LayoutRun, limit: str) -> None:
    """If neither GPU nor cores are, threads wait: for each other if they have chunks, or for chunks."""
    assert run.limit == limit


def test_the_fastest_layout_comes_first() -> None:
    """The table is sorted by speed and marks what a run chooses by itself; the file keeps the order of the runs."""
    fast = replace(RUN, run=replace(WHOLE, seconds=1.0), model="fast", gpus=None, automatic=True)
    alone = NetworkAlone(model="fast", provider="cuda", batch=8, images_per_second=400.0)
    report = LayoutReport(
        machine=this_machine(), photographs=1, megapixels=2.0, networks=(alone,), runs=(RUN, fast)
    )  # fmt: skip
    lines = as_text(report).splitlines()
    assert lines[0] == f"1 photograph of 2.0 MP on average, on {report.machine}"
    assert "| `fast` | 8 | 2.50 | 400.0 |" in lines[4]
    assert "`fast` | 4 × 2 (automatic) | 8 | 100.0 | no GPU | 50% | finish" in lines[8]
    assert "`default` | 4 × 2 | 8 | 50.0 | 50% |" in lines[9]
    assert [run["model"] for run in json.loads(as_json(report))["runs"]] == ["default", "fast"]


def test_the_machine_names_its_gpus() -> None:
    """Equal ones together; without a GPU nothing is said of any."""
    machine = replace(this_machine(), gpus=("NVIDIA H100", "NVIDIA H100"))
    assert " GB, 2 × NVIDIA H100, " in str(machine)
    assert " × " not in str(replace(machine, gpus=()))


@pytest.mark.parametrize(("batch", "sizes"), [(1, [8, 8, 8, 8, 8]), (8, [8, 8, 8, 8, 8]), (32, [32, 8])])
def test_a_chunk_holds_a_whole_batch(batch: int, sizes: list[int]) -> None:
    """A batch does not reach beyond its chunk, so a smaller chunk would measure a smaller batch."""
    record = ImageRecord(image_id="a", product_id="a", delivery_id="bench", uri="/a.jpg")
    assert [len(chunk) for chunk in cycled(Site(batch=batch), [record], 40)] == sizes


def test_the_load_of_all_gpus_is_averaged() -> None:
    """Without a GPU there is no figure, rather than zero."""
    with machine_load(lambda: [0.25, 0.75]) as load:
        pass
    assert load.gpus == pytest.approx(0.5)
    with machine_load(list) as none:
        pass
    assert none.gpus is None
    assert 0 <= none.cores <= 1
