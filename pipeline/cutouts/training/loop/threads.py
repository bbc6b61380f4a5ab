"""Chooses the number of threads of a step on a shared machine.

On a busy machine, two threads that wait for each other at every operation are slower than one: 1.6 images/s were
measured with two threads, and 4 with one. So the number follows the CPU time that the operating system grants.
"""

from __future__ import annotations

import time

WINDOW = 6
# CPU seconds granted per second and thread; between these two values, the number of threads does not change.
STARVED, SATED = 0.6, 0.93


def threads(now: int, most: int, granted: float) -> int:
    """Threads for the next steps, 1 to `most`: the present number is `now`, and the process got `granted` CPU seconds
    per second."""
    if granted < STARVED * now:
        return max(1, now // 2)
    if granted > SATED * now:
        return min(most, now * 2)
    return now


class Pace:
    """Watches the process's CPU time; `after_step` returns the number of threads for the next step."""

    def __init__(self, most: int) -> None:
        self._most = self._now = most
        self._steps = 0
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def after_step(self) -> int:
        """The number of threads for the next step, reconsidered every `WINDOW` steps."""
        self._steps += 1
        if self._steps % WINDOW == 0:
            wall, cpu = time.monotonic(), time.process_time()
            self._now = threads(self._now, self._most, (cpu - self._cpu) / max(wall - self._wall, 1e-9))
            self._wall, self._cpu = wall, cpu
        return self._now
