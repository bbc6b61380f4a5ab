"""What is set once in a process that works on chunks, whoever started it."""

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
"""B free at the end of a heap that are kept; more goes back to the system."""
_LARGEST = 1 << 30
"""B up to which an array comes from the heap at all."""


@cache
def keep_freed_memory() -> None:
    """Have the allocator keep what image-sized arrays free: the next image needs the same. Only glibc can be told.

    Workers that Dask's nanny starts give every freed array back at once (it sets MALLOC_TRIM_THRESHOLD_=65536): each
    image then faults its pages in anew, which took 220 ms of CPU per image where 125 are enough (1.8 MP).
    """
    with suppress(AttributeError, TypeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP, _LARGEST)
        mallopt(_TRIM, _KEPT)


@cache
def become_worker(memory_limit: int) -> None:
    """Let deadlines end this process, which is there for the work alone, and its images share `memory_limit` (B)."""
    deadlines.arm()
    process_memory.limit_to(memory_limit)


def one_thread_per_chunk() -> None:
    """Keep OpenCV, where the work has loaded it, from opening a thread per core beside each of ours."""
    cv2 = sys.modules.get("cv2")
    if cv2 is not None and cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
