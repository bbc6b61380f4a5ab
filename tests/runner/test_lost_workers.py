"""A worker that dies costs one image: all others come back once, whatever killed it and wherever it ran."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import TransientError
from cutouts.runner import Runner, Work, dask_runner, open_runner
from tests.dask_cluster import dask_process, scheduler_process
from tests.runner.items import blame, crowd, fill, hopeless, nothing, work
from tests.waiting import until

pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")

CHUNKS = [tuple(range(start, start + 4)) for start in range(0, 80, 4)]


def deadly(bad: dict[int, str]) -> Work[tuple[int, ...], Any]:
    """Work in which some numbers end their process."""
    return Work(function=partial(work, bad), trial=nothing, blamed=blame)


def books(results: Iterator[Any]) -> tuple[list[int], dict[int, tuple[str, str]]]:
    """The returned numbers in order, and the rejected ones with reason and message."""
    good: list[int] = []
    blamed: dict[int, tuple[str, str]] = {}
    for result in results:
        if len(result) == 3 and isinstance(result[1], str):
            assert result[0] not in blamed
            blamed[result[0]] = result[1:]
        else:
            good += result
    return sorted(good), blamed


@pytest.fixture(scope="module", params=["local", "threads", "standing", "no nanny"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Two processes of one thread, one process of four, and a standing scheduler with and without nannies."""
    local = {"local": (2, 1), "threads": (1, 4)}
    if request.param in local:
        workers, threads = local[request.param]
        with open_runner(Site(cluster="local", workers=workers, threads=threads)) as runner:
            yield runner
        return
    nanny = ("--nanny", "--nworkers", "2") if request.param == "standing" else ("--no-nanny",)
    arguments = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "2", *nanny)
    with scheduler_process() as address, dask_process("worker", address, *arguments):
        if request.param == "standing":
            with open_runner(Site(cluster=address)) as runner:
                yield runner
            return
        with (
            dask_process("worker", address, *arguments),
            dask_process("worker", address, *arguments),
            open_runner(Site(cluster=address)) as runner,
        ):
            yield runner


def test_only_the_guilty_image_is_rejected(cluster: Runner) -> None:
    """Two of 80 end their process in different ways, and they may run at once."""
    good, blamed = books(cluster.map(deadly({3: "kill", 60: "segfault"}), CHUNKS))
    assert sorted({*range(80)} - {*good}) == sorted(blamed) == [3, 60]
    assert len(good) == 78
    assert {reason for reason, _ in blamed.values()} == {"crashed"}
    assert "signal 9" in blamed[3][1]
    assert "signal 11" in blamed[60][1]


def test_each_lost_worker_is_logged_in_one_sentence(local_runner: Runner, caplog: pytest.LogCaptureFixture) -> None:
    """A guilty image costs one worker in all and not one per try."""
    with caplog.at_level(logging.WARNING, logger="cutouts"):
        good, blamed = books(local_runner.map(deadly({77: "exit"}), CHUNKS))
    assert blamed == {77: ("crashed", "its process ended with status 3")}
    assert len(good) == 79
    (said,) = [record.getMessage() for record in caplog.records if record.name.startswith("cutouts")]
    assert "a worker died or left (tcp://127.0.0.1:" in said
    assert "images will be tried again, each image in a separate process" in said


@pytest.mark.parametrize("how", ["hang", "hang with the lock"])
def test_work_that_takes_too_long_is_ended(local_runner: Runner, how: str) -> None:
    """This includes a library call that never releases the interpreter's lock."""
    good, blamed = books(local_runner.map(deadly({9: how}), CHUNKS[:4]))
    assert blamed == {9: ("too_slow", "longer than image_seconds allows")}
    assert good == [number for number in range(16) if number != 9]


def test_a_process_that_grows_too_large_is_ended() -> None:
    """A worker may use 1 GiB, and the image that takes more is named with what it had taken."""
    limited = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--memory-limit", "1GiB")
    with (
        scheduler_process() as address,
        dask_process("worker", address, *limited),
        open_runner(Site(cluster=address)) as runner,
    ):
        good, blamed = books(runner.map(deadly({9: "grow"}), CHUNKS[:4]))
    assert blamed.keys() == {9}
    assert blamed[9][0] == "needs_memory"
    assert "more than this worker has left" in blamed[9][1]
    assert good == [number for number in range(16) if number != 9]


def test_chunks_that_fail_only_together_are_not_rejected(tmp_path: Path) -> None:
    """Four chunks that end their worker together are all fine one by one."""
    together = Work(function=partial(crowd, str(tmp_path)), trial=nothing, blamed=blame)
    with open_runner(Site(cluster="local", workers=1, threads=4)) as runner:
        good, blamed = books(runner.map(together, [(number,) for number in range(4)]))
    assert (good, blamed) == ([0, 1, 2, 3], {})


def test_an_error_in_a_separate_process_is_raised_unchanged(local_runner: Runner) -> None:
    """It stops the run, as it does without a lost worker."""
    with pytest.raises(KeyError, match="6"):
        books(local_runner.map(deadly({4: "exit", 6: "error"}), CHUNKS[:2]))


def test_a_process_that_ends_before_its_first_image_rejects_none(local_runner: Runner) -> None:
    """Otherwise a network or library that crashes by itself would reject a whole delivery."""
    broken = Work(function=partial(work, {0: "exit"}), trial=hopeless, blamed=blame)
    with pytest.raises(TransientError, match="ended before it received one: its process ended with status 5"):
        books(local_runner.map(broken, CHUNKS[:1]))


@pytest.fixture
def new_runner() -> Iterator[Runner]:
    """Two workers of this machine that nobody has killed: Dask does not replace one that is killed while it starts."""
    with open_runner(Site(cluster="local", workers=2, threads=1)) as runner:
        yield runner


def test_results_that_were_lost_with_their_worker_are_made_again(new_runner: Runner) -> None:
    """Finished results that were not fetched come back once, as does work in progress."""
    others = _workers()
    results = new_runner.map(deadly({}), CHUNKS)
    first = next(results)
    time.sleep(2)
    workers = [process for process in _workers() if process not in others]
    assert workers
    for process in workers:
        process.kill()
    good, blamed = books(results)
    assert sorted([*first, *good]) == list(range(80))
    assert blamed == {}


def test_killed_workers_cost_no_image(new_runner: Runner) -> None:
    """Both are killed one after the other, and no image is rejected, lost or counted twice."""
    others = _workers()
    results = new_runner.map(deadly({}), CHUNKS * 8)
    before = [*next(results)]
    workers = [process for process in _workers() if process not in others]
    assert workers
    for process in workers:
        process.kill()
        before += next(results)
    good, blamed = books(results)
    assert (sorted(before + good), blamed) == (sorted([*range(80)] * 8), {})


def test_a_lost_cluster_rejects_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nannies dead workers stay dead, and the run ends with an error that is worth a retry."""
    monkeypatch.setattr(dask_runner, "PATIENCE_SECONDS", 1.0)
    plain = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--no-nanny")
    with (
        scheduler_process() as address,
        dask_process("worker", address, *plain),
        open_runner(Site(cluster=address)) as runner,
        pytest.raises(TransientError, match="has no worker left"),
    ):
        books(runner.map(deadly({3: "kill"}), CHUNKS))


@pytest.fixture
def small_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A worker that may use 600 MB, with short timeouts."""
    monkeypatch.setattr(dask_runner, "PATIENCE_SECONDS", 2.0)
    small = ("--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--memory-limit", "600MB")
    with (
        scheduler_process() as address,
        dask_process("worker", address, *small),
        open_runner(Site(cluster=address)) as runner,
    ):
        yield runner


def test_a_worker_that_only_kept_freed_memory_continues(small_worker: Runner) -> None:
    """Dask pauses a worker at 80 % of its memory; free memory is returned, and the work continues."""
    assert sorted(small_worker.map(partial(fill, False), range(6))) == list(range(6))


def test_workers_that_stay_paused_end_the_run(small_worker: Runner) -> None:
    """The error says what is missing, and the run does not hang."""
    with pytest.raises(TransientError, match="short of memory"):
        list(small_worker.map(partial(fill, True), range(6)))


def test_no_single_image_process_outlives_the_run() -> None:
    """Processes that were started for parts end with the run."""
    with open_runner(Site(cluster="local", workers=1, threads=2)) as runner:
        assert books(runner.map(deadly({3: "exit"}), CHUNKS[:4]))[1].keys() == {3}
        until(lambda: not _children())
    assert _children() == []


def _workers() -> list[psutil.Process]:
    """The worker processes of our clusters that have started, by the title that Dask gives them."""
    return [process for process in psutil.Process().children(recursive=True) if _runs(process, "dask worker [tcp:")]


def _children() -> list[psutil.Process]:
    """The processes for single images."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if _runs(process, "cutouts.runner.child_process")
    ]


def _runs(process: psutil.Process, what: str) -> bool:
    try:
        return what in " ".join(process.cmdline())
    except psutil.Error:
        return False
