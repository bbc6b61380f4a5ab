"""One chunk, batch by batch: only one batch of full-size photographs is in memory, whatever the size of the chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cutouts.adapters.model import open_network
from cutouts.adapters.storage.object_batch import ObjectBatch
from cutouts.adapters.storage.store import open_store
from cutouts.core.errors import ImageRejected
from cutouts.core.mask_metrics import MaskMetrics
from cutouts.core.matting.looks import Look
from cutouts.core.records import ImageRecord, Mask, Rejection
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Reading
from cutouts.stages.image import decoded, finish, infer, read, rejected_content, require_sound, room_for
from cutouts.stages.memory_budget import process_memory
from cutouts.stages.records import ChunkResult, Identity, Job, Prepared, SourceFile, rejection

T = TypeVar("T")


def cut_chunk(job: Job, chunk: Sequence[ImageRecord]) -> ChunkResult:
    """Cut every image of a chunk: prepare → infer → finish, batch by batch. Each image gives a mask or a rejection.

    Waits while the images in progress in this process use all memory that images may use.
    """
    with _Work(job) as work:
        for record in chunk:
            work.take(record)
        work.flush()
        work.take_again()
        return work.result()


def identify_chunk(reading: Reading, chunk: Sequence[ImageRecord]) -> tuple[Identity, ...]:
    """Read each image only to learn its sha256, and whether its ETag is right."""
    return tuple(_identity(record, reading) for record in chunk)


class _Stopwatch:
    """Adds up the seconds spent inside its `with` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


class _Work:
    """The stages of one chunk, and the results of its images so far. A rejected image does not enter the next stage."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._network, self._objects = open_network(job.choice), ObjectBatch(open_store(job.objects_url))
        self._memory = process_memory.sized(job.max_memory)
        self._size = min(job.batch_images, self._network.largest_batch or job.batch_images)
        self._batch: list[Prepared] = []
        self._held = 0
        self._short: list[ImageRecord] = []
        self._alone = False
        self._finished: list[tuple[Mask, MaskMetrics]] = []
        self._rejections: list[Rejection] = []
        self._batches = 0
        self._watches = {stage: _Stopwatch() for stage in ("prepare", "infer", "finish")}

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.give_back(self._held)
        self._objects.close()

    def take(self, record: ImageRecord) -> None:
        """Prepare one image. If the batch is full, or leaves no memory for the image, it is finished first."""
        file = self._tried("prepare", record, None, lambda: read(record, self._job.reading))
        if file is None or not self._hold(file):
            return
        one = self._tried("prepare", record, None, lambda: decoded(file, self._job))
        if one is not None:
            self._batch.append(one)
        if len(self._batch) == self._size:
            self.flush()

    def flush(self) -> None:
        """Infer and finish the prepared images, and release their memory."""
        batch, self._batch = self._batch, []
        for one, look in self._inferred(batch):
            self._finish(one, look)
        batch.clear()
        self._memory.give_back(self._held)
        self._held = 0

    def take_again(self) -> None:
        """Try images that lacked memory again, each with all memory that images in this process may use."""
        short, self._short = self._short, []
        for record in short:
            with self._memory.all_of_it():
                self._alone = True
                self.take(record)
                self.flush()
                self._alone = False

    def result(self) -> ChunkResult:
        """The results of the chunk, when all its files are written."""
        with self._watches["finish"]:
            self._objects.settle()
        return ChunkResult(
            masks=tuple(mask for mask, _ in self._finished),
            metrics=tuple(metrics for _, metrics in self._finished),
            rejections=tuple(self._rejections),
            model_batches=self._batches,
            prepare_seconds=self._watches["prepare"].seconds,
            infer_seconds=self._watches["infer"].seconds,
            finish_seconds=self._watches["finish"].seconds,
        )

    def _hold(self, file: SourceFile) -> bool:
        """Reserve the memory that a file needs. Returns False if it needs more than is available; the image is then
        rejected."""
        size = self._tried("prepare", file.record, None, lambda: room_for(file, self._job, self._memory))
        if size is None:
            return False
        if self._alone:
            return True
        if not self._memory.try_take(size):
            self.flush()
            self._memory.take(size)
        self._held += self._memory.counted(size)
        return True

    def _inferred(self, batch: Sequence[Prepared]) -> list[tuple[Prepared, Look]]:
        """What the network says about each image, of all at once; if that fails, of one after the other, so that only
        the failing image is rejected."""
        if not batch:
            return []
        try:
            with self._watches["infer"]:
                looks = infer(self._network, batch, self._job.recipe)
        except ImageRejected as error:
            if len(batch) > 1:
                return [pair for one in batch for pair in self._inferred([one])]
            if self._alone or error.reason is not RejectionReason.NEEDS_MEMORY:
                require_sound(self._job.choice, self._network, batch[0].view.pixels)
            self._reject(batch[0].record, error, "infer", batch[0].sha256)
            return []
        self._batches += max(one.calls for one in looks)
        return list(zip(batch, looks, strict=True))

    def _finish(self, one: Prepared, look: Look) -> None:
        """Store the results of one image."""
        made = self._tried("finish", one.record, one.sha256, lambda: finish(one, look, self._objects, self._job))
        if made is not None:
            self._finished.append(made)

    def _tried(self, stage: str, record: ImageRecord, sha256: str | None, call: Callable[[], T]) -> T | None:
        """The result of the call; None if it rejects the image."""
        try:
            with self._watches[stage]:
                return call()
        except ImageRejected as error:
            self._reject(record, error, stage, sha256)
            return None

    def _reject(self, record: ImageRecord, error: ImageRejected, stage: str, sha256: str | None) -> None:
        """Record a rejection. If memory was short, the image is tried again later with all memory that images may
        use."""
        short = error.reason is RejectionReason.NEEDS_MEMORY
        if short and error.retryable and not self._alone:
            self._short.append(record)
            return
        content = sha256 or rejected_content(record, error)
        made = rejection(record, error, self._job.recipe, stage=stage, sha256=content)
        self._rejections.append(replace(made, retryable=error.retryable and not short))


def _identity(record: ImageRecord, reading: Reading) -> Identity:
    try:
        file = read(record, reading)
    except ImageRejected:
        return Identity(image_id=record.image_id, sha256=None)
    return Identity(image_id=record.image_id, sha256=file.sha256, etag=file.record.etag)
