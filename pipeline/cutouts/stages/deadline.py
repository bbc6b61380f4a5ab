"""A clock over the work on one image, in a process that may be ended: a worker's, never a person's own.

Code of a codec cannot be interrupted from Python, and one that holds the interpreter's lock stops every thread of
Python. So the clock is the kernel's: an interval timer whose signal is left to its default, which ends the process.
What then becomes of the image is the runner's to decide. An image costs two system calls.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNAL = signal.SIGALRM
"""What ends a process in which an image took too long."""


class Deadlines:
    """The moments at which the work in this process's threads has to be over; the earliest is the timer's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, float] = {}
        self._armed = False

    def arm(self) -> None:
        """From now on a deadline that passes ends this process."""
        self._armed = True

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """The block takes `seconds` at the most, or the process ends; in a process that is not armed it may take any
        time. Blocks of one thread do not lie within each other.
        """
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
"""Those of this process."""
