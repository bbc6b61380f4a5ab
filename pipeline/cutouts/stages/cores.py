"""How many cores this process may use, and how many of them the network uses for one image."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cutouts.adapters.model import ModelChoice

_QUOTAS = ("/sys/fs/cgroup/cpu.max",), ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us")
"""The files that contain the time on all cores that a container may use, and the period that it is counted in."""
_GAINING = 8
"""From more cores than this, one image gains little; more than two were not measured."""


def machine_cores() -> int:
    """The cores that this process may use: those of the machine, its affinity, and its container's quota.

    Dask counts in the same way, but importing it takes longer than cutting two images.
    """
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([own, *(quota for files in _QUOTAS if (quota := _quota(files)))])


def for_lone_image(choice: ModelChoice) -> ModelChoice:
    """`choice` for an image while no other is in progress: on a CPU, the network uses all cores, up to eight.

    The result is the same to the bit, because ONNX Runtime divides outputs among threads, not sums. While several
    images are in progress, one thread for each is faster.
    """
    return replace(choice, threads=min(_GAINING, machine_cores())) if choice.provider == "cpu" else choice


def _quota(files: tuple[str, ...]) -> int | None:
    """The cores that a container's quota allows, rounded up; None without one."""
    with suppress(OSError, ValueError):  # not there, or "max", or -1
        time, period = (int(one) for file in files for one in Path(file).read_text(encoding="ascii").split())
        return math.ceil(time / period) if time > 0 else None
    return None
