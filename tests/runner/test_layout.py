"""How a machine is divided among worker processes: by cores, memory and GPUs, unless the site says so."""

from __future__ import annotations

import os

import pytest

from cutouts.core.config import Site
from cutouts.runner import clusters
from cutouts.runner.dask_runner import DaskRunner
from cutouts.runner.gpus import visible_gpus
from cutouts.runner.layout import Gpu, layout

GB = 1_000_000_000


def gpus(number: int, memory: int = 80 * GB) -> list[Gpu]:
    """Equal GPUs with names as the driver gives them."""
    return [Gpu(name=f"GPU-{index}", memory=memory) for index in range(number)]


@pytest.mark.parametrize(
    ("site", "cores", "processes"),
    [
        ({}, 1, (1, 1)),
        ({}, 2, (1, 2)),
        ({}, 16, (4, 4)),
        ({"workers": 3}, 16, (3, 5)),
        ({"workers": 4}, 2, (4, 1)),
        ({"threads": 1}, 6, (6, 1)),
        ({"threads": 3}, 2, (1, 3)),
        ({"workers": 2, "threads": 3}, 4, (2, 3)),
    ],
)
def test_workers_and_threads_follow_the_cores(site: dict[str, int], cores: int, processes: tuple[int, int]) -> None:
    """This holds for what the site leaves open."""
    chosen = layout(Site.model_validate(site), cores=cores, memory=16 * GB)
    assert (chosen.workers, chosen.threads) == processes
    assert chosen.environment(0) == {}


@pytest.mark.parametrize(
    ("site", "machine", "processes"),
    [
        ({}, (16, 128, gpus(1)), (16, 1)),
        ({}, (128, 1024, gpus(8)), (128, 1)),
        ({}, (16, 128, gpus(1, 16 * GB)), (4, 4)),
        ({}, (16, 12, gpus(1)), (4, 4)),
        ({}, (16, 128, gpus(1, 0)), (16, 1)),
        ({}, (2, 2, gpus(1, GB)), (1, 2)),
        ({}, (4, 64, gpus(8)), (8, 1)),
        ({}, (10, 64, gpus(2)), (10, 1)),
        ({"workers": 6}, (16, 128, gpus(1)), (6, 2)),
        ({"workers": 1}, (16, 128, gpus(4)), (1, 16)),
        ({"threads": 4}, (16, 128, gpus(1)), (4, 4)),
        ({"workers": 3, "threads": 5}, (16, 128, gpus(2)), (3, 5)),
    ],
)
def test_several_processes_share_a_gpu(
    site: dict[str, int], machine: tuple[int, int, list[Gpu]], processes: tuple[int, int]
) -> None:
    """There are as many as the cores, the machine's memory and the GPU's memory allow, and one per GPU at least."""
    cores, memory, found = machine
    chosen = layout(Site.model_validate(site), cores=cores, memory=memory * GB, gpus=found)
    assert (chosen.workers, chosen.threads) == processes


@pytest.mark.parametrize("cores", [1, 3, 16, 96])
@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_every_gpu_has_equally_many_processes(cores: int, number: int) -> None:
    """No process sees a second GPU, and no GPU waits while another has two."""
    chosen = layout(Site(), cores=cores, memory=512 * GB, gpus=gpus(number))
    seen = [chosen.environment(worker)["CUDA_VISIBLE_DEVICES"] for worker in range(chosen.workers)]
    assert {seen.count(name) for name in seen} == {chosen.workers // number}
    assert set(seen) == {gpu.name for gpu in gpus(number)}


@pytest.mark.parametrize("workers", [0, 1, 7, 40])
def test_all_processes_together_fit_into_the_memory(workers: int) -> None:
    """Something is left for the scheduler and the system."""
    chosen = layout(Site(workers=workers), cores=16, memory=64 * GB, gpus=gpus(2))
    assert 0.85 * 64 * GB < chosen.workers * chosen.memory <= 0.9 * 64 * GB


def test_a_layout_is_one_line_for_people() -> None:
    """A run begins with it."""
    assert (
        str(layout(Site(), cores=16, memory=128 * GB, gpus=gpus(1))) == "16 processes × 1 thread on 1 GPU, 7.2 GB each"
    )
    assert str(layout(Site(workers=1, threads=1), cores=2, memory=10 * GB)) == "1 process × 1 thread, 9.0 GB each"


def test_each_process_sees_the_gpu_that_the_layout_gives_it() -> None:
    """Asked on a real cluster, before and after its processes are started again; no GPU is needed to tell."""
    chosen = layout(Site(workers=2, threads=1), cores=2, memory=6 * GB, gpus=gpus(2))
    with clusters._processes(chosen) as client:
        place = DaskRunner(client, "cuda").describe()
        first = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        client.restart()
        again = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    assert (place.workers, place.threads) == (2, 2)
    assert sorted(first.values()) == sorted(again.values()) == ["GPU-0", "GPU-1"]


def test_hidden_gpus_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then `cuda` is an error, not a run on the CPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == ()
