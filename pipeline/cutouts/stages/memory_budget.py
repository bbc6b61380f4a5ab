"""Limits the memory that images in progress may use in this process. A thread that needs more waits for others to
finish."""

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
from cutouts.core.rejection_reasons import RejectionReason

_AT_ONCE = 0.7
"""Share of the free memory that all images together may use; the rest is for errors of the estimates and for the
allocator."""
_ALONE = 0.9
"""Share of the free memory that a single image may need."""
_LARGE = 1 << 28
"""For an image that needs at least this much (B), freed memory is first returned to the system if it and the image
might be too much together, because the allocator may only have it in pieces. Otherwise the image gets it again, which
saves a third of its time at 24 MP."""
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class Memory:
    """Counts the bytes that images in progress need, at most `at_once`; a single image may need up to `alone`.

    A thread must hold nothing while it waits, or threads would wait for each other. `try_take` never waits.
    """

    def __init__(self, *, at_once: int, alone: int) -> None:
        self.at_once, self.alone = at_once, alone
        self._taken = 0
        self._used_before = _used()
        self._exclusive = False
        self._waiting_alone = 0
        self._changed = threading.Condition()

    def fitting(self, size: int) -> int:
        """Returns `size` (B). Raises ImageRejected if it is more than a single image may use here."""
        if size > self.alone:
            raise ImageRejected(
                RejectionReason.NEEDS_MEMORY,
                f"about {size / 1e6:,.0f} MB, but one process may use {self.alone / 1e6:,.0f} MB for images: give"
                " the workers more memory or raise max_memory, and set retry_rejected",
            )
        return size

    def counted(self, size: int) -> int:
        """The bytes that are counted for an image that needs `size` B: never more than `at_once`."""
        return min(size, self.at_once)

    def try_take(self, size: int) -> bool:
        """Take `size` B if they are free now, and return whether they were; a size above `at_once` takes everything."""
        with self._changed:
            if not self._fits(size):
                return False
            self._taken += self.counted(size)
            most = self._taken + _used() - self._used_before if size >= _LARGE else 0
        if most > self.at_once:
            release_freed()
        return True

    def take(self, size: int) -> None:
        """Wait until `size` B are free, and take them."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(size))
            self._taken += self.counted(size)
        release_freed()

    def give_back(self, size: int) -> None:
        """Return `size` B, as `counted` gave them."""
        with self._changed:
            self._taken -= size
            self._changed.notify_all()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` B during the block. Raises the errors of `fitting`."""
        counted = self.counted(self.fitting(size))
        if not self.try_take(size):
            self.take(size)
        try:
            yield
        finally:
            self.give_back(counted)

    @contextmanager
    def all_of_it(self) -> Iterator[None]:
        """Hold all memory during the block: no other image is in progress, and none begins."""
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
    """The memory of one process, sized when the process's limit is known."""

    def __init__(self) -> None:
        super().__init__(at_once=0, alone=0)
        self._limit: int | None = None
        self._sized_for: int | None = None

    def limit_to(self, size: int) -> None:
        """Set the memory that the whole process may use, `size` B. Without this, it is all memory of the machine."""
        self._limit = size

    def sized(self, max_memory: int | None = None) -> Memory:
        """Set the size and return itself: images may use `max_memory` B. If that is 0, they may use most of the memory
        that is free before the first image.

        None keeps the size that was set before.
        """
        with self._changed:
            if max_memory is None:
                max_memory = self._sized_for or 0
            if self._sized_for != max_memory:
                self._used_before = _used()
                free = max(0, (self._limit or machine_memory()) - self._used_before)
                self.at_once = max_memory or int(_AT_ONCE * free)
                self.alone = max_memory or int(_ALONE * free)
                self._sized_for = max_memory
        return self


def machine_memory() -> int:
    """The memory of this machine, or of the container that this process is in (B)."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP:
        with suppress(OSError, ValueError):  # not there, or "max"
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(limits)


def release_freed() -> None:
    """Return memory that earlier images have freed from the allocator to the system. This works only with glibc.

    If memory is short, the allocator must not keep it for the next image: with four threads and images of 64 MP, it
    kept twice the memory that one image needs.
    """
    with suppress(AttributeError, TypeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _used() -> int:
    """The memory that this process uses now (B); if the system does not tell, the most that it has used so far."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


process_memory = ProcessMemory()
"""The memory of this process."""
