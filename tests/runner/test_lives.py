"""If a part stops or dies, nothing keeps running, and the run says what happened."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import dask
import psutil
import pytest
from distributed import Client

from cutouts.core.config import Site
from cutouts.core.errors import TransientError
from cutouts.runner import clusters, dask_runner, dask_scheduler, open_runner
from tests.dask_cluster import ROOT, dask_process, free_port
from tests.runner.items import die, die_once, nap
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")


def test_stopping_early_leaves_nothing_running(standing_scheduler: str) -> None:
    """Work in progress is removed from the scheduler."""
    with open_runner(Site(cluster=standing_scheduler)) as runner, _tasks(standing_scheduler) as tasks:
        results = runner.map(partial(nap, 0.05), iter(range(1000)))
        next(results)
        assert tasks() > 0
        results.close()  # type: ignore[attr-defined]  # it is a generator: this is what a `break` ends in
        until(lambda: tasks() == 0)


def test_a_caller_that_is_killed_leaves_nothing_on_the_scheduler(standing_scheduler: str, tmp_path: Path) -> None:
    """The scheduler drops the chunks of a process that died."""
    with _tasks(standing_scheduler) as tasks:
        caller = _start(tmp_path, cluster=standing_scheduler, seconds=0.2)
        assert tasks() > 0
        os.kill(caller.pid, signal.SIGKILL)
        caller.communicate()
        until(lambda: tasks() == 0)


@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_run(how: signal.Signals | None, tmp_path: Path) -> None:
    """A script without a main guard maps on local workers, which end with it, with Ctrl-C or with a kill."""
    caller = _start(tmp_path, cluster="local", seconds=0.2, items=5 if how is None else 1000)
    started = psutil.Process(caller.pid).children(recursive=True)
    assert len(started) >= 2
    if how is not None:
        (os.killpg if how is signal.SIGINT else os.kill)(caller.pid, how)
    out, err = caller.communicate(timeout=PATIENCE)
    if how is signal.SIGINT:
        assert "KeyboardInterrupt" in err
    else:  # Dask may log that a busy machine did not close in time
        assert "Traceback" not in err or "did not close in time" in err, err
    assert len(out.split()) == 4 or how is not None
    until(lambda: not any(map(_runs, started)))


def test_a_chunk_that_kills_every_worker_is_given_up() -> None:
    """The error says what to do, and the retries end."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(TransientError, match="every worker that took it died"),
        open_runner(Site(cluster="local", workers=1, threads=1)) as runner,
    ):
        list(runner.map(die, [1]))


def test_a_worker_that_starts_slowly_is_waited_for(tmp_path: Path) -> None:
    """Dask would give up a worker that is away for a while, and a busy machine needs longer to start one again."""
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10 ms"}),
        open_runner(Site(cluster="local", workers=1, threads=1)) as runner,
    ):
        assert sorted(runner.map(partial(die_once, str(tmp_path / "died")), range(8))) == [*range(8)]


def test_a_cluster_that_closes_too_late_does_not_fail_the_work() -> None:
    """On a busy machine Dask gives up: its workers are killed, and the results stay."""
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(6000)"])

    def close() -> None:
        raise TimeoutError

    with clusters._closing(SimpleNamespace(close=close, workers={0: worker})):
        pass
    assert worker.wait(timeout=PATIENCE) == -signal.SIGKILL


@pytest.mark.parametrize("how", ["ended", "ended and started again", "frozen"])
def test_a_lost_scheduler_ends_the_run_with_an_error(
    how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run does not hang, the error is worth a retry, and no traceback of Dask is logged."""
    port = str(free_port())
    address = f"tcp://127.0.0.1:{port}"
    arguments = ("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    with (
        dask_process(*arguments) as process,
        dask_process("worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1"),
        ExitStack() as stack,
        caplog.at_level(logging.INFO),
        open_runner(Site(cluster=address)) as runner,
    ):
        stack.callback(process.kill)
        results = runner.map(partial(nap, 0.2), range(1000))
        next(results)
        monkeypatch.setattr(dask_runner, "PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr(dask_scheduler, "ANSWER_SECONDS", 2.0)
        process.send_signal(signal.SIGSTOP if how == "frozen" else signal.SIGKILL)
        if how == "ended and started again":
            process.wait()
            stack.enter_context(dask_process(*arguments))
        with pytest.raises(TransientError, match="run again"):
            list(results)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("distributed")] == []


# A shell's background job ignores Ctrl-C, and so do its child processes.
_SCRIPT = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from cutouts.core.config import Site
from cutouts.runner import open_runner
def nap(item):
    time.sleep({seconds})
    return item
with open_runner(Site(cluster={cluster!r}, workers=1, threads=1)) as runner:
    for result in runner.map(nap, range({items})):
        print(result, flush=True)
"""


def _start(folder: Path, **values: object) -> subprocess.Popen[str]:
    """A script without a main guard that maps; returned once it has its first result."""
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
    assert process.stdout.readline().strip().isdecimal()  # results come in the order of completion
    return process


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _tasks(address: str) -> Iterator[Callable[[], int]]:
    """Asks the scheduler at `address` for its number of tasks."""

    def count(dask_scheduler: object) -> int:
        return len(dask_scheduler.tasks)  # type: ignore[attr-defined]  # Dask's Scheduler, untyped here

    with Client(address, set_as_default=False) as client:
        yield lambda: int(client.run_on_scheduler(count))
