"""Work comes back the same from wherever it ran, once, and nothing that was started stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import dask
import numpy as np
import psutil
import pytest
from distributed import Client, versions

from pipeline.core.config import Site
from pipeline.core.errors import ConfigError, TransientError
from pipeline.core.records import ImageRecord, Mask, MaskMetrics, Rejection
from pipeline.runner import Runner, clusters, open_runner, probe, scheduled
from pipeline.stages import cut_chunk, job_of
from tests.dask_cluster import ROOT, dask_process, free_port, scheduler_process

pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")


@pytest.fixture(scope="module")
def local_runner() -> Iterator[Runner]:
    """Two worker processes of this machine with one thread each."""
    with open_runner(Site(cluster="local", workers=2, threads=1)) as runner:
        yield runner


@pytest.fixture(scope="module", params=["serial", "local", "standing"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Each kind of runner in turn."""
    if request.param == "local":
        yield request.getfixturevalue("local_runner")
        return
    cluster = "serial" if request.param == "serial" else request.getfixturevalue("standing_scheduler")
    with open_runner(Site(cluster=cluster)) as opened:
        yield opened


def scale(factor: int, item: tuple[int, ...]) -> tuple[int, ...]:
    """A chunk's worth of work."""
    return tuple(factor * part for part in item)


def refuse(error: Exception, log: str, item: int) -> int:
    """Note the call, then fail for item 3."""
    with Path(log).open("a") as file:
        file.write(f"{item}\n")
    if item == 3:
        raise error
    return item


def die_once(flag: str, item: int) -> int:
    """Take the worker down with item 5, the first time."""
    if item == 5 and not Path(flag).exists():
        Path(flag).touch()
        os._exit(9)
    return item


def die(item: int) -> int:
    """Take every worker down."""
    os._exit(9)


def fail_twice(folder: str, item: int) -> int:
    """Fail the first two times in a way that trying again can help."""
    attempt = Path(folder) / f"{item}-{time.monotonic_ns()}"
    attempt.touch()
    if len(list(Path(folder).glob(f"{item}-*"))) <= 2:
        raise TransientError("not yet")
    return item


def nap(seconds: float, item: int) -> int:
    """Take some time."""
    time.sleep(seconds)
    return item


def opencv_threads(item: int) -> int:
    """How many threads OpenCV takes for one call."""
    return int(cv2.getNumThreads())


def test_every_runner_gives_the_same_results(runner: Runner) -> None:
    """Twenty chunks come back once each, whatever ran them, and again when asked again."""
    chunks = [(number, number + 1) for number in range(20)]
    expected = sorted(scale(3, chunk) for chunk in chunks)
    assert sorted(runner.map(partial(scale, 3), chunks)) == expected
    assert sorted(runner.map(partial(scale, 3), chunks)) == expected


def test_every_runner_cuts_the_same_records(runner: Runner, tmp_path: Path) -> None:
    """Masks, metrics and rejections of real chunks are equal wherever they were cut, to the object's digest."""
    job = job_of(Site(objects=str(tmp_path / "objects")))
    chunks = [(record,) for record in _photographs(tmp_path / "photographs")]
    here = [cut_chunk(job, chunk) for chunk in chunks]
    there = list(runner.map(partial(cut_chunk, job), chunks))
    for kind in ("masks", "metrics", "rejections"):
        expected = sorted((record for result in here for record in getattr(result, kind)), key=_image_id)
        assert sorted((record for result in there for record in getattr(result, kind)), key=_image_id) == expected
        assert expected


def test_no_items_give_no_results(runner: Runner) -> None:
    """An empty plan is no error."""
    assert list(runner.map(partial(scale, 3), [])) == []


@pytest.mark.parametrize("error", [ConfigError("wrong", ["this", "that"]), KeyError("x")])
def test_an_exception_comes_through_as_it_was_and_is_not_tried_again(
    runner: Runner, error: Exception, tmp_path: Path
) -> None:
    """The type and text of the function's exception arrive; the failing item was called once."""
    log = tmp_path / "calls"
    with pytest.raises(type(error)) as caught:
        list(runner.map(partial(refuse, error, str(log)), range(6)))
    assert str(caught.value) == str(error)
    assert log.read_text().split().count("3") == 1
    assert list(runner.map(partial(scale, 2), [(1,)])) == [(2,)], "the runner serves on"


def test_what_trying_again_can_help_is_tried_again(runner: Runner, tmp_path: Path) -> None:
    """A chunk that fails twice with TransientError still gives its result."""
    assert list(runner.map(partial(fail_twice, str(tmp_path)), [1])) == [1]


def test_no_more_than_the_window_is_in_flight(runner: Runner) -> None:
    """Items are drawn as results are taken: never more than the window are out at once."""
    window = runner.describe().window
    drawn = taken = most = 0

    def source() -> Iterator[int]:
        nonlocal drawn, most
        for item in range(30):
            drawn += 1
            most = max(most, drawn - taken)
            yield item

    for _ in runner.map(partial(nap, 0.01), source()):
        taken += 1
    assert taken == 30
    assert window // 2 < most <= window


def test_a_chunk_keeps_to_its_thread(local_runner: Runner) -> None:
    """OpenCV opens no threads of its own on a worker, where each core has a chunk already."""
    assert list(local_runner.map(opencv_threads, [0])) == [1]


def test_a_worker_that_dies_costs_a_retry_and_not_the_run(local_runner: Runner, tmp_path: Path) -> None:
    """All results arrive, none twice, though a worker was lost on the way."""
    assert sorted(local_runner.map(partial(die_once, str(tmp_path / "died")), range(20))) == list(range(20))
    assert (tmp_path / "died").exists()


def test_stopping_early_leaves_nothing_at_work(standing_scheduler: str) -> None:
    """What was in flight when the caller stopped is taken off the scheduler."""
    with open_runner(Site(cluster=standing_scheduler)) as runner, _tasks(standing_scheduler) as tasks:
        results = runner.map(partial(nap, 0.05), iter(range(1000)))
        next(results)
        assert tasks() > 0
        results.close()  # type: ignore[attr-defined]  # it is a generator: this is what a `break` ends in
        _until(lambda: tasks() == 0)


def test_a_caller_that_is_killed_leaves_nothing_on_the_scheduler(standing_scheduler: str, tmp_path: Path) -> None:
    """The scheduler drops the chunks of a process that died."""
    with _tasks(standing_scheduler) as tasks:
        caller = _start(tmp_path, cluster=standing_scheduler, seconds=0.2)
        assert tasks() > 0
        os.kill(caller.pid, signal.SIGKILL)
        caller.communicate()
        _until(lambda: tasks() == 0)


def test_a_welcome_that_comes_with_other_news_is_asked_for_again(
    standing_scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's handshake fails where another client cancels at that moment; if it always fails, Airflow tries again."""
    failures = iter([True, False])
    connect = Client._ensure_connected

    async def welcomed(client: Client, timeout: float | None = None) -> None:
        assert not next(failures, True)
        await connect(client, timeout=timeout)

    monkeypatch.setattr(Client, "_ensure_connected", welcomed)
    assert probe(Site(cluster=standing_scheduler)).workers == 2
    with pytest.raises(TransientError, match="too busy to welcome us"):
        probe(Site(cluster=standing_scheduler))


@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_run(how: signal.Signals | None, tmp_path: Path) -> None:
    """A script without a main guard maps on local workers; its end, Ctrl-C or a kill ends these."""
    caller = _start(tmp_path, cluster="local", seconds=0.2, items=5 if how is None else 1000)
    started = psutil.Process(caller.pid).children(recursive=True)
    assert len(started) >= 2
    if how is not None:
        (os.killpg if how is signal.SIGINT else os.kill)(caller.pid, how)
    out, err = caller.communicate(timeout=60)
    if how is signal.SIGINT:
        assert "KeyboardInterrupt" in err
    else:  # what Dask says where a machine is too busy to close in time is its own
        assert "Traceback" not in err or "did not close in time" in err, err
    assert len(out.split()) == 4 or how is not None
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_a_chunk_that_kills_every_worker_is_given_up() -> None:
    """The error says what to do, in place of trying for ever."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(TransientError, match="every worker that took it died"),
        open_runner(Site(cluster="local", workers=1, threads=1)) as runner,
    ):
        list(runner.map(die, [1]))


def test_a_cluster_that_does_not_close_in_time_is_no_failure_of_the_work() -> None:
    """Dask gives up closing on a busy machine: its workers are killed, what the block did stays done."""
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def close() -> None:
        raise TimeoutError

    with clusters._closing(SimpleNamespace(close=close, workers={0: worker})):
        pass
    assert worker.wait(timeout=10) == -signal.SIGKILL


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc is told what to keep")
def test_freed_memory_is_used_again_under_dasks_own_settings() -> None:
    """Image-sized arrays do not fault their pages in anew, as they would with what a Dask nanny sets."""
    script = (
        "import resource; from functools import partial; from pipeline.runner.work import Attempt\n"
        "def work(item): return sum(int(bytearray(8_000_000)[-1]) for _ in range(20))\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "Attempt(work, 0)(); before = faults(); Attempt(work, 0)(); print(faults() - before)"
    )
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert int(run.stdout) < 2000, "20 arrays of 8 MB are 39,000 pages"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver `cuda` is an error in words, before any cluster is opened."""
    monkeypatch.setattr(clusters, "_gpus", lambda: 0)
    with pytest.raises(ConfigError, match="no NVIDIA GPU"):
        probe(Site(cluster="cuda"))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: the address is in the error, and trying again later can help."""
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 0.5)
    with pytest.raises(TransientError, match=r"tcp://127\.0\.0\.1:9 "):
        probe(Site(cluster="tcp://127.0.0.1:9"))


def test_a_scheduler_without_workers_is_waited_for_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded and the error says how to start a worker."""
    monkeypatch.setattr(clusters, "WORKERS_SECONDS", 0.5)
    with scheduler_process() as address, pytest.raises(TransientError, match=f"dask worker {address}"):
        probe(Site(cluster=address))


def test_a_scheduler_that_goes_away_ends_the_run_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose scheduler is killed does not wait for ever, and may be tried again."""
    monkeypatch.setattr(scheduled, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(scheduled, "_POLL_SECONDS", 0.2)
    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    with (
        dask_process("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard") as scheduler,
        dask_process("worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1"),
        open_runner(Site(cluster=address)) as runner,
    ):
        results = runner.map(partial(nap, 0.2), range(1000))
        next(results)
        scheduler.kill()
        with pytest.raises(TransientError, match="run again"):
            list(results)


def test_tls_without_certificates_lists_what_is_missing() -> None:
    """All three missing files are named at once."""
    with pytest.raises(ConfigError, match=r"(?s)tls_ca_file.*tls_cert.*tls_key"):
        probe(Site(cluster="tls://127.0.0.1:9"))


def test_other_versions_on_the_workers_are_refused(standing_scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that runs something else than we do is an error that names package, place and both versions."""
    ours = versions.get_package_info(clusters._PACKAGES) | {"cutouts": "0.0.1"}
    monkeypatch.setattr(versions, "get_package_info", lambda *_: ours)
    with pytest.raises(ConfigError, match=r"(?s)cutouts: the scheduler has .* we have 0\.0\.1.*cutouts: tcp://"):
        probe(Site(cluster=standing_scheduler))


@pytest.mark.parametrize(
    ("site", "cores", "layout"),
    [
        ({}, 2, (1, 2)),
        ({}, 16, (4, 4)),
        ({"workers": 3}, 16, (3, 5)),
        ({"threads": 1}, 6, (6, 1)),
        ({"workers": 2, "threads": 3}, 4, (2, 3)),
    ],
)
def test_workers_and_threads_follow_the_cores(site: dict[str, int], cores: int, layout: tuple[int, int]) -> None:
    """What the site leaves open is taken from the cores."""
    assert clusters.local_layout(Site.model_validate(site), cores) == layout


def test_serial_needs_no_dask() -> None:
    """`serial` works without importing Dask at all."""
    script = (
        "import sys; from pipeline.core.config import Site; from pipeline.runner import open_runner\n"
        "with open_runner(Site(cluster='serial')) as runner: assert list(runner.map(abs, [-1])) == [1]\n"
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def _photographs(folder: Path) -> list[ImageRecord]:
    """Two discs before a wall, and a file that is no image."""
    folder.mkdir()
    for number in range(2):
        picture = np.full((90, 110, 3), 225, np.uint8)
        cv2.circle(picture, (55, 45), 20 + 10 * number, (30, 60, 160), -1)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "broken.png").write_bytes(b"no image")
    return [
        ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="spring", uri=str(path))
        for path in sorted(folder.iterdir())
    ]


def _image_id(record: Mask | MaskMetrics | Rejection) -> str:
    return record.image_id


_SCRIPT = """
import time
from pipeline.core.config import Site
from pipeline.runner import open_runner
def nap(item):
    time.sleep({seconds})
    return item
with open_runner(Site(cluster={cluster!r}, workers=1, threads=1)) as runner:
    for result in runner.map(nap, range({items})):
        print(result, flush=True)
"""


def _start(folder: Path, **values: object) -> subprocess.Popen[str]:
    """A script without a main guard that maps; returned once its first result is there."""
    script = folder / "script.py"
    script.write_text(_SCRIPT.format(**{"items": 1000, **values}))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip().isdecimal()  # results come as they complete
    return process


@contextmanager
def _tasks(address: str) -> Iterator[Callable[[], int]]:
    """Asks how many tasks the scheduler at `address` has."""

    def count(dask_scheduler: object) -> int:
        return len(dask_scheduler.tasks)  # type: ignore[attr-defined]  # Dask's Scheduler, untyped here

    with Client(address, set_as_default=False) as client:
        yield lambda: int(client.run_on_scheduler(count))


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
