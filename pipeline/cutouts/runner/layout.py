"""Divides a machine among worker processes: how many there are, with how many threads and how much memory, and which
GPU each of them sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cutouts.core.config import Site
from cutouts.core.text.counting import counted

_CPU_THREADS = 4
"""Threads share one model session, and the slow parts release the interpreter's lock. More than a few threads would
wait for each other in the other parts."""
_GPU_THREADS = 1
"""The cores limit a GPU's processes long before the GPU is busy, and threads of one process wait for its interpreter's
lock: 16 cores beside an H200 cut 186 images a second in 16 processes of 1 thread, 160 in 8 of 2, 36 in 1 of 16."""
_GPU_MEMORY = 4_000_000_000
"""Memory of a GPU for one process: its CUDA context, the network, and a batch (B). An estimate, not measured."""
_WORKER_MEMORY = 3_000_000_000
"""Memory of the machine for one process on a GPU: CUDA's libraries, and images in progress (B). An estimate too."""
_SHARE = 0.9
"""Share of the machine's memory that all workers may use together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A GPU as `CUDA_VISIBLE_DEVICES` names it, and its memory (B); 0 if it has none of its own."""

    name: str
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Worker processes with `threads` threads and at most `memory` B each; `gpus` are taken in turns."""

    workers: int
    threads: int
    memory: int
    gpus: tuple[str, ...] = ()

    def environment(self, worker: int) -> dict[str, str]:
        """What this worker's environment says of GPUs: it sees exactly one of them, if there are any."""
        return {"CUDA_VISIBLE_DEVICES": self.gpus[worker % len(self.gpus)]} if self.gpus else {}

    def __str__(self) -> str:
        where = f" on {counted(len(self.gpus), 'GPU')}" if self.gpus else ""
        return (
            f"{counted(self.workers, 'process', 'processes')} × {counted(self.threads, 'thread')}{where},"
            f" {self.memory / 1e9:.1f} GB each"
        )


def layout(site: Site, *, cores: int, memory: int, gpus: Sequence[Gpu] = ()) -> Layout:
    """The layout for this machine. What the site sets is kept, and the rest follows from cores, memory and GPUs."""
    workers = site.workers or (_gpu_workers(site, cores, memory, gpus) if gpus else _cpu_workers(site, cores))
    threads = site.threads or max(1, min(cores, _CPU_THREADS) if not (site.workers or gpus) else cores // workers)
    return Layout(
        workers=workers,
        threads=threads,
        memory=int(_SHARE * memory / workers),
        gpus=tuple(gpu.name for gpu in gpus[:workers]),
    )


def _cpu_workers(site: Site, cores: int) -> int:
    return max(1, cores // (site.threads or min(cores, _CPU_THREADS)))


def _gpu_workers(site: Site, cores: int, memory: int, gpus: Sequence[Gpu]) -> int:
    """Equally many per GPU, at least one: as many as keep all cores at work, if they fit into both kinds of memory."""
    by_cores = cores // (site.threads or _GPU_THREADS) // len(gpus)
    by_memory = memory // _WORKER_MEMORY // len(gpus)
    by_gpu = [gpu.memory // _GPU_MEMORY for gpu in gpus if gpu.memory]
    return len(gpus) * max(1, min(by_cores, by_memory, *by_gpu))
