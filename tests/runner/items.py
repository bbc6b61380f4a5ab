"""What is mapped: functions that workers can import."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2

from pipeline.core.errors import TransientError


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
