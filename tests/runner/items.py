"""The functions that are mapped, which workers can import."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import cv2
import psutil
from distributed import get_worker

from cutouts.core.errors import ImageRejected, TransientError
from cutouts.stages.deadline import deadlines


def scale(factor: int, item: tuple[int, ...]) -> tuple[int, ...]:
    """The work on one chunk."""
    return tuple(factor * part for part in item)


def refuse(error: Exception, log: str, item: int) -> int:
    """Note the call, then fail for item 3."""
    with Path(log).open("a") as file:
        file.write(f"{item}\n")
    if item == 3:
        raise error
    return item


def die_once(flag: str, item: int) -> int:
    """End the worker with item 5, the first time."""
    if item == 5 and not Path(flag).exists():
        Path(flag).touch()
        os._exit(9)
    return item


def die(item: int) -> int:
    """End every worker."""
    os._exit(9)


def fail_twice(folder: str, item: int) -> int:
    """Fail the first two times with an error that is worth a retry."""
    attempt = Path(folder) / f"{item}-{time.monotonic_ns()}"
    attempt.touch()
    if len(list(Path(folder).glob(f"{item}-*"))) <= 2:
        raise TransientError("not yet")
    return item


def work(bad: dict[int, str], chunk: tuple[int, ...]) -> tuple[int, ...]:
    """Each number of a chunk; those in `bad` end the process in the given way."""
    for number in chunk:
        time.sleep(0.01)
        match bad.get(number):
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case "grow":
                _grow()
            case "hang":
                with deadlines.within(0.5):
                    time.sleep(600)
            case "hang with the lock":
                with deadlines.within(0.5):
                    ctypes.PyDLL(None).sleep(600)  # a call that holds the interpreter's lock
            case "error":
                raise KeyError(number)
    return chunk


def crowd(folder: str, chunk: tuple[int, ...]) -> tuple[int, ...]:
    """A chunk that ends its worker if another one is running in it, and is fine alone."""
    here = Path(folder) / str(os.getpid())
    here.mkdir(exist_ok=True)
    (here / str(chunk[0])).touch()
    time.sleep(0.5)
    if len(list(here.iterdir())) > 1:
        os._exit(4)
    (here / str(chunk[0])).unlink()
    return chunk


def _grow() -> None:
    """Allocate memory until this process is ended, up to a few GB."""
    taken = []
    for _ in range(60):
        taken.append(b"x" * 100_000_000)
        time.sleep(0.05)
    raise AssertionError("nobody minded")


_kept: list[object] = []


def fill(keep: bool, item: int) -> int:
    """Item 0 fills the process to 85 % of its worker's limit, and freed memory stays with the allocator."""
    if item == 0:
        limit = get_worker().memory_manager.memory_limit
        taken = []
        while psutil.Process().memory_info().rss < 0.85 * limit:
            taken.append([bytearray(100_000) for _ in range(50)])
            _kept.append(bytearray(5_000))  # between them, so that no heap is entirely free
        if keep:
            _kept.append(taken)
        del taken
        time.sleep(1)
    return item


def nothing() -> None:
    """A trial that every process passes."""


def hopeless() -> None:
    """A trial that no process passes."""
    os._exit(5)


def blame(chunk: tuple[int, ...], error: ImageRejected) -> tuple[int, str, str]:
    """The rejection of a part: its number, the reason and a message."""
    return (chunk[0], error.reason.value, error.detail)


def nap(seconds: float, item: int) -> int:
    """Sleep for a moment."""
    time.sleep(seconds)
    return item


def opencv_threads(item: int) -> int:
    """The number of threads that OpenCV uses for one call."""
    return int(cv2.getNumThreads())
