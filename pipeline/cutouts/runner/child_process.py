"""The program of a process that works on one image at a time, so that the image cannot end the worker.

It receives its work and then each part through a descriptor, and answers each. It ends when the connection closes.
"""

from __future__ import annotations

import pickle
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cutouts.runner.channel import Channel
from cutouts.runner.work import Attempt, Work
from cutouts.runner.worker_setup import become_worker, one_thread_per_chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The first message to a child; `memory_limit` in B."""

    work: Work[Any, Any]
    memory_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The result of a trial or of a part: its value, or the error that it raised."""

    value: Any = None
    error: Exception | None = None

    def get(self) -> Any:
        """The value. Raises the error if there was one."""
        if self.error is not None:
            raise self.error
        return self.value


def serve(channel: Channel) -> None:
    """Answer requests until the connection closes. Raises EOFError, or another error of the connection, when it
    does."""
    task: Task = pickle.loads(channel.receive())
    become_worker(task.memory_limit)
    channel.send(_answer(Attempt(_trial, task.work)))
    while True:
        part = pickle.loads(channel.receive())
        one_thread_per_chunk()
        channel.send(_answer(Attempt(task.work, part)))


def _trial(work: Work[Any, Any]) -> None:
    work.trial()


def _answer(attempt: Attempt) -> bytes:
    """The answer to a request; an error that cannot be serialised is sent as text."""
    try:
        return pickle.dumps(Reply(value=attempt()))
    except Exception as error:  # noqa: BLE001 -- it is raised again on the other side
        with suppress(Exception):
            data = pickle.dumps(Reply(error=error))
            pickle.loads(data)
            return data
        return pickle.dumps(Reply(error=RuntimeError(f"{type(error).__name__}: {error}")))


def _first_to_go() -> None:
    """If the machine runs out of memory, the kernel ends this process instead of the worker (Linux)."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main(descriptor: int) -> None:
    """Serve the process at the other end of this descriptor."""
    # Ctrl-C reaches every process of a terminal, and SIGTERM every process of a service: the parent handles them
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _first_to_go()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Channel(socket.socket(fileno=descriptor)))
