"""The program of a process that works on one image at a time, for a worker that must not end with it.

It is sent over a descriptor what to do, then part after part, and answers each. It ends when the other side hangs up.
"""

from __future__ import annotations

import pickle
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cutouts.runner.work import Attempt, Work
from cutouts.runner.worker_setup import become_worker, one_thread_per_chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a child is told first; `memory_limit` in B."""

    work: Work[Any, Any]
    memory_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of a trial or of a part: its value, or what it raised."""

    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """The value; raises the error."""
        if self.error is not None:
            raise self.error
        return self.value


def serve(connection: Connection) -> None:
    """Answer until the other side hangs up."""
    task: Task = pickle.loads(connection.recv_bytes())
    become_worker(task.memory_limit)
    connection.send_bytes(_answer(Attempt(_trial, task.work)))
    while True:
        part = pickle.loads(connection.recv_bytes())
        one_thread_per_chunk()
        connection.send_bytes(_answer(Attempt(task.work, part)))


def _trial(work: Work[Any, Any]) -> None:
    work.trial()


def _answer(attempt: Attempt) -> bytes:
    """The attempt's answer; an error that cannot travel is told in words."""
    try:
        return pickle.dumps(Reply(value=attempt()))
    except Exception as error:  # noqa: BLE001 -- it is raised again on the other side
        with suppress(Exception):
            data = pickle.dumps(Reply(error=error))
            pickle.loads(data)
            return data
        return pickle.dumps(Reply(error=RuntimeError(f"{type(error).__name__}: {error}")))


def _first_to_go() -> None:
    """If the machine runs out of memory, this process is ended and not the worker's (Linux)."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main(descriptor: int) -> None:
    """Serve whoever is at the other end of this descriptor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the worker answers it
    _first_to_go()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(descriptor))
