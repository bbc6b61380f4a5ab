"""A time limit for the work on one image, in a process that may be ended: a worker, never a user's own process.

A codec's code cannot be interrupted from Python, and a codec that holds the interpreter's lock stops every Python
thread. So the kernel measures the time: an interval timer whose signal has its default action, which ends the process.
The runner decides what happens to the image. This costs two system calls per image.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNAL = signal.SIGALRM
"""The signal that ends a process in which an image took too long."""


class Deadlines:
    """The deadlines of the work in this process's threads; the timer is set to the earliest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, float] = {}
        self._armed = False

    def arm(self) -> None:
        """From now on, a missed deadline ends this process."""
        self._armed = True

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """If the block takes longer than `seconds`, the process ends; if deadlines are not enabled in this process, it
        may take any time. Blocks of one thread must not be nested."""
        if not self._armed:
            yield
            return
        thread = threading.get_ident()
        self._set(thread, time.monotonic() + seconds)
        try:
            yield
        finally:
            self._set(thread, None)

    def _set(self, thread: int, end: float | None) -> None:
        with self._lock:
            if end is None:
                del self._ends[thread]
            else:
                self._ends[thread] = end
            left = max(1e-3, min(self._ends.values()) - time.monotonic()) if self._ends else 0.0
            signal.setitimer(signal.ITIMER_REAL, left)


deadlines = Deadlines()
"""The deadlines of this process."""
