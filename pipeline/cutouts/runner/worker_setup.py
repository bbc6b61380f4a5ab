"""Settings of a process that works on chunks, whoever started it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from functools import cache

from cutouts.stages.deadline import deadlines
from cutouts.stages.memory_budget import process_memory

_TRIM, _MMAP = -1, -3
"""glibc's names for its parameters: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>."""
_KEPT = 1 << 28
"""Free memory at the end of a heap that is kept (B); more is returned to the system."""
_LARGEST = 1 << 30
"""The largest array that is allocated from the heap (B)."""


@cache
def keep_freed_memory() -> None:
    """Make the allocator keep the memory of freed image-sized arrays, because the next image needs the same. This works
    only with glibc.

    Workers that Dask's nanny starts return every freed array at once (it sets MALLOC_TRIM_THRESHOLD_=65536). Each image
    then causes page faults for all its memory, which took 220 ms of CPU per image instead of 125 ms (1.8 MP).
    """
    with suppress(AttributeError, TypeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
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
