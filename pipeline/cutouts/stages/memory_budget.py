"""How much memory the images in work may take in this process: who needs more waits for others to finish."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cutouts.core.errors import ImageRejected
from cutouts.core.records import RejectionReason

_AT_ONCE = 0.7
"""Share of the free memory that images take together; estimates are estimates, and the allocator keeps some."""
_ALONE = 0.9
"""Share of the free memory that one image may need by itself."""
_LARGE = 1 << 28
"""An image that needs so much (B) does not rely on what the allocator has kept: it may be kept in pieces."""
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Memory:
    """Counts the bytes that images in work need, of at most `at_once`; an image may need `alone` if it is the only one.

    Threads that wait hold nothing, or they would wait for each other: `try_take` never waits.
    """

    def __init__(self, *, at_once: int, alone: int) -> None:
        self.at_once, self.alone = at_once, alone
        self._taken = 0
        self._exclusive = False
        self._waiting_alone = 0
        self._changed = threading.Condition()

    def fitting(self, size: int) -> int:
        """`size` (B); raises ImageRejected if an image that needs so much cannot be worked on here at all."""
        if size > self.alone:
            raise ImageRejected(
                RejectionReason.NEEDS_MEMORY,
                f"about {size / 1e6:,.0f} MB, but one process may use {self.alone / 1e6:,.0f} MB for images: give"
                " the workers more memory or raise max_memory, and set retry_rejected",
            )
        return size

    def counted(self, size: int) -> int:
        """What an image that needs `size` B takes of the memory: everything at the most."""
        return min(size, self.at_once)

    def try_take(self, size: int) -> bool:
        """Take `size` B if they are free now; a size above `at_once` takes everything."""
        with self._changed:
            if not self._fits(size):
                return False
            self._taken += self.counted(size)
        if size >= _LARGE:
            release_freed()
        return True

    def take(self, size: int) -> None:
        """Take `size` B, and wait until they are free."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._taken += self.counted(size)
        release_freed()

    def give_back(self, size: int) -> None:
        """Free what was `counted`."""
        with self._changed:
            self._taken -= size
            self._changed.notify_all()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` B during the block; raises as `fitting` does."""
        counted = self.counted(self.fitting(size))
        if not self.try_take(size):
            self.take(size)
        try:
            yield
        finally:
            self.give_back(counted)

    @contextmanager
    def all_of_it(self) -> Iterator[None]:
        """Hold everything during the block: no other image is in work, and none begins."""
        with self._changed:
            self._waiting_alone += 1
            self._changed.wait_for(lambda: self._taken == 0 and not self._exclusive)
            self._waiting_alone -= 1
            self._exclusive = True
        release_freed()
        try:
            yield
        finally:
            with self._changed:
                self._exclusive = False
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        if self._exclusive or self._waiting_alone:
            return False
        return self._taken + self.counted(size) <= self.at_once


class ProcessMemory(Memory):
    """That of one process, which is sized when it is known what that may use."""

    def __init__(self) -> None:
        super().__init__(at_once=0, alone=0)
        self._limit: int | None = None
        self._sized_for: int | None = None

    def limit_to(self, size: int) -> None:
        """This process as a whole may use `size` B; unless this is said, all that the machine has."""
        self._limit = size

    def sized(self, max_memory: int | None = None) -> Memory:
        """Itself: images may take `max_memory` B, or if that is 0 what the process does not use before the first.

        None leaves it as it was sized before.
        """
        with self._changed:
            if max_memory is None:
                max_memory = self._sized_for or 0
            if self._sized_for != max_memory:
                free = max(0, (self._limit or machine_memory()) - _used())
                self.at_once = max_memory or int(_AT_ONCE * free)
                self.alone = max_memory or int(_ALONE * free)
                self._sized_for = max_memory
        return self


process_memory = ProcessMemory()
"""That of this process."""


def machine_memory() -> int:
    """The memory of this machine, or of the container that we are in (B)."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP:
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(limits)


def release_freed() -> None:
    """Have the allocator give back to the system what images before have freed. Only glibc can be told.

    Where memory is short it may not be kept for the next image: four threads that took turns with images of 64 MP kept
    twice of what one of them needed.
    """
    with suppress(AttributeError, TypeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _used() -> int:
    """What this process uses now (B); where the system does not say that, the most that it has used so far."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
