"""The work on a worker: cuts a chunk normally and measures the time, and cuts the same chunk part by part."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import psutil

from cutouts.adapters.images import decode
from cutouts.adapters.model import Network, open_network
from cutouts.adapters.storage.object_batch import ObjectBatch
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.store import open_store
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.cutout import cutout
from cutouts.core.matting.looks import look_closer, look_once, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.core.matting.measurements import measure_look
from cutouts.core.records import ImageRecord
from cutouts.core.sources.locations import Reading
from cutouts.stages import Job, cut_chunk, stored_png

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A chunk that was cut: seconds per stage and in total, and the process's memory (B) afterwards and at its peak."""

    images: int
    seconds: float
    prepare: float
    infer: float
    finish: float
    pid: int
    resident: int
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A chunk that was cut part by part, and then as a run does it: seconds of each part, and of the whole."""

    images: int
    parts: dict[str, float]
    whole: float


def watch_chunk(job: Job, chunk: Sequence[ImageRecord]) -> Watched:
    """Cut a chunk, and measure its time and memory. All its files are written, even if images are repeated."""
    with _new_objects(job) as fresh:
        began = time.perf_counter()
        result = cut_chunk(fresh, chunk)
        seconds = time.perf_counter() - began
    resident, peak = memory()
    return Watched(
        images=result.images,
        seconds=seconds,
        prepare=result.prepare_seconds,
        infer=result.infer_seconds,
        finish=result.finish_seconds,
        pid=os.getpid(),
        resident=resident,
        peak=peak,
    )


def compare_chunk(job: Job, chunk: Sequence[ImageRecord]) -> Compared:
    """Cut the chunk part by part, and as a run does it. They take turns so that both run under the same conditions."""
    with _new_objects(job) as fresh:
        parts = time_parts(fresh, chunk)
    return Compared(images=len(chunk), parts=parts, whole=watch_chunk(job, chunk).seconds)


@contextmanager
def _new_objects(job: Job) -> Iterator[Job]:
    """The job with a local store that has no objects, but their folders, as every store soon has; what is written is
    removed afterwards. An object that a store has already is not written again, so a repeated image would cost less
    than a new one."""
    store = Path(job.objects_url, f"{os.getpid()}-{threading.get_ident()}")
    if not store.exists():
        for number in range(256):
            Path(store, f"{number:02x}").mkdir(parents=True)
    try:
        yield replace(job, objects_url=str(store))
    finally:
        for file in store.glob("*/*"):
            file.unlink()


def time_parts(job: Job, chunk: Sequence[ImageRecord]) -> dict[str, float]:
    """Seconds that each of `records.PARTS` takes for the images of a chunk, batch by batch."""
    network, objects = open_network(job.choice), ObjectBatch(open_store(job.objects_url))
    clock = _Clock()
    for start in range(0, len(chunk), job.batch_images):
        _time_batch(clock, job, network, objects, chunk[start : start + job.batch_images])
    clock.each("store", ObjectBatch.settle, [objects])
    objects.close()
    return dict(clock.seconds)


def decodable(reading: Reading, max_pixels: int, record: ImageRecord) -> tuple[ImageRecord, int]:
    """The record with the pixels of its image; 0 if it cannot be decoded."""
    try:
        width, height = decode(read_image(record.uri, reading), max_pixels=max_pixels).size
    except ImageRejected:
        return record, 0
    return record, width * height


def forget_peak() -> None:
    """Reset this process's peak memory, if the system can do that (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


class _Clock:
    """Adds up the seconds of each part."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def each(self, part: str, function: Callable[..., R], *items: Iterable[object]) -> list[R]:
        """Call `function` for all `items`, and add the time to `part`."""
        began = time.perf_counter()
        results = [function(*arguments) for arguments in zip(*items, strict=True)]
        self.seconds[part] += time.perf_counter() - began  # type: ignore[assignment]  # a Counter adds seconds, too
        return results


def _time_batch(clock: _Clock, job: Job, network: Network, objects: ObjectBatch, batch: Sequence[ImageRecord]) -> None:
    how = job.recipe.preprocessing
    files = clock.each("read", lambda record: _read(record, job.reading), batch)
    photographs = clock.each("decode", lambda data: decode(data, max_pixels=job.max_pixels), files)
    views = clock.each("fit", lambda photograph: view_of(photograph, how), photographs)
    (first,) = clock.each("network", lambda seen: look_once(network.saliency, seen, how), [views])
    (looks,) = clock.each("closer look", lambda seen: look_closer(network.saliency, seen, how), [first])
    mattes = clock.each("matte", matte_of, looks, photographs)
    clock.each("measure", measure_look, looks, mattes)
    cutouts = clock.each("cutout", cutout, photographs, mattes)
    pngs = clock.each("encode", stored_png, [*mattes, *cutouts])
    clock.each("store", lambda png: objects.put(png, ".png"), pngs)


def _read(record: ImageRecord, reading: Reading) -> bytes:
    data = read_image(record.uri, reading)
    hashlib.sha256(data).hexdigest()
    return data


def memory() -> tuple[int, int]:
    """The resident memory of this process (B): now, and at its peak (if the system does not tell, the value now)."""
    now = psutil.Process().memory_info().rss
    return now, max([now, *_stated_peak()])


def _stated_peak() -> Iterator[int]:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                yield int(line.split()[1]) * 1024
