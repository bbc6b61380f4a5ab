"""Settings of a process that works on chunks, whoever started it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache

from cutouts.stages.deadline import deadlines
from cutouts.stages.memory_budget import process_memory

_TRIM, _TOP_PAD, _MMAP, _ARENAS = -1, -2, -3, -8
"""glibc's names for its parameters: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD and M_ARENA_MAX of <malloc.h>."""
_KEPT = 1 << 28
"""Free memory at the end of a heap that is kept (B); more is returned to the system."""
_LARGEST = 1 << 30
"""The largest array that is allocated from the heap (B)."""
_HEAP = 1 << 26
"""The size of the heaps of a thread that has an arena of its own (B). An empty heap is kept if the one before it has
less free space than the padding, which is set to this."""


@cache
def keep_freed_memory() -> None:
    """Make the allocator keep the memory of freed image-sized arrays, because the next image needs the same. This works
    only with glibc.

    Workers that Dask's nanny starts return every freed array at once (it sets MALLOC_TRIM_THRESHOLD_=65536). Each image
    then causes page faults for all its memory, which took 220 ms of CPU per image instead of 125 ms (1.8 MP).

    Threads that start later share one arena: the heaps of a thread's own arena have 64 MB, so an array that is larger
    comes from the system each time, and a heap is returned as soon as it is empty (up to 6 ms of CPU at 1.7 MP). For
    threads that have an arena already, empty heaps are kept.
    """
    with suppress(AttributeError, TypeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENAS, 1)
        mallopt(_TOP_PAD, _HEAP)
        mallopt(_MMAP, _LARGEST)
        mallopt(_TRIM, _KEPT)


@cache
def become_worker(memory_limit: int) -> None:
    """Allow missed deadlines to end this process, which exists only for the work, and let its images share the
    `memory_limit` B that it may use."""
    deadlines.arm()
    process_memory.limit_to(memory_limit)


def one_thread_per_chunk() -> None:
    """Keep OpenCV, if the work has loaded it, from starting a thread per core for each of our threads."""
    cv2 = sys.modules.get("cv2")
    if cv2 is not None and cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
