"""A standing Dask scheduler with workers, started as a user would start it: import `standing_scheduler`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_CALM = {
    "DASK_LOGGING__DISTRIBUTED": "error",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
}
"""Settings of Dask's processes, which otherwise take a tenth of a core while they are idle."""


def free_port() -> int:
    """A local port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def dask_process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`dask ARGUMENTS` beside this interpreter, ended with the block; it can import the tests."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("dask")), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **_CALM, **environment},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scheduler_process(*arguments: str) -> Iterator[str]:
    """A scheduler without workers; gives its address."""
    port = str(free_port())
    with dask_process("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", *arguments):
        yield f"tcp://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def standing_scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers of one thread each, which end with the file's tests."""
    with (
        scheduler_process() as address,
        dask_process("worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", "--nworkers", "2"),
    ):
        yield address


class Cluster:
    """A scheduler with two workers of one thread each, at an address that stays the same while it is away."""

    def __init__(self) -> None:
        self._port = str(free_port())
        self._here = ExitStack()
        self.address = f"tcp://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the processes, which answer a little later."""
        loopback = ("--host", "127.0.0.1", "--no-dashboard")
        self._here.enter_context(dask_process("scheduler", *loopback, "--port", self._port))
        self._here.enter_context(dask_process("worker", self.address, *loopback, "--nthreads", "1", "--nworkers", "2"))

    def stop(self) -> None:
        """End all processes."""
        self._here.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nothing listens at the address within the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()
