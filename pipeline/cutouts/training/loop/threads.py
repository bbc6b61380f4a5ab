"""How many threads a step gets on a machine that is shared with others.

Two threads that wait for each other at every operation are slower than one as soon as the machine is busy: measured 1.6
images/s with two where one made 4. So the number follows what the operating system grants.
"""

from __future__ import annotations

import time

WINDOW = 6
# Shares of granted CPU seconds per second and thread, between which nothing changes.
STARVED, SATED = 0.6, 0.93


def threads(now: int, most: int, granted: float) -> int:
    """Threads for the next steps, 1 to `most`: `now` when it got `granted` CPU seconds a second."""
    if granted < STARVED * now:
        return max(1, now // 2)
    if granted > SATED * now:
        return min(most, now * 2)
    return now


class Pace:
    """Watches the process's CPU time; `after_step` gives the number of threads for the next step."""

    def __init__(self, most: int) -> None:
        self._most = self._now = most
        self._steps = 0
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def after_step(self) -> int:
        """The number of threads, thought over every few steps."""
        self._steps += 1
        if self._steps % WINDOW == 0:
            wall, cpu = time.monotonic(), time.process_time()
            self._now = threads(self._now, self._most, (cpu - self._cpu) / max(wall - self._wall, 1e-9))
            self._wall, self._cpu = wall, cpu
        return self._now
