"""The load on Dask's scheduler: our runner maps chunks over many workers that only sleep, so all that is measured is
its own cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cutouts.core.records import ImageRecord
from cutouts.runner import simulated_runner

CHUNK_IMAGES = 32
"""Images of a chunk, as the setting `chunk` has by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Chunks that sleep for `chunk_seconds` each, mapped over `workers` of one thread. `cpu_seconds` are those of the
    scheduler, the runner and the workers' communication, which all run in one process here."""

    workers: int
    chunk_seconds: float
    chunks: int
    seconds: float
    cpu_seconds: float

    @property
    def busy(self) -> float:
        """The share of time in which the workers slept, which is what they would have worked."""
        return self.chunks * self.chunk_seconds / self.workers / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU time per chunk (ms)."""
        return 1000 * self.cpu_seconds / self.chunks


def measure_load(workers: int, *, chunk_seconds: float, rounds: int) -> Load:
    """Map `rounds` chunks for each of `workers` over a real scheduler."""
    with simulated_runner(workers) as runner:
        for _ in runner.map(partial(_sleep, 0.0), _chunks(workers)):
            pass
        began, cpu = time.perf_counter(), time.process_time()
        for _ in runner.map(partial(_sleep, chunk_seconds), _chunks(workers * rounds)):
            pass
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Load(workers=workers, chunk_seconds=chunk_seconds, chunks=workers * rounds, seconds=seconds, cpu_seconds=cpu)


def _chunks(number: int) -> Iterator[tuple[ImageRecord, ...]]:
    """Chunks as a plan has them, with names of usual length: what the scheduler has to pass on."""
    for chunk in range(number):
        yield tuple(
            ImageRecord(
                image_id=f"{chunk:06}-{image:02}.jpg",
                product_id=f"{chunk:06}",
                delivery_id="studio-a",
                uri=f"s3://photographs/2026-11-27/studio-a/{chunk:06}-{image:02}.jpg",
                sha256=f"{chunk * CHUNK_IMAGES + image:064x}",
            )
            for image in range(CHUNK_IMAGES)
        )


def _sleep(seconds: float, chunk: Sequence[ImageRecord]) -> int:
    time.sleep(seconds)
    return len(chunk)
