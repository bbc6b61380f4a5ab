"""One chunk, batch by batch: only one batch of full-size photographs is in memory, whatever the size of the chunk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence

from pipeline.adapters.model import Network, open_network
from pipeline.adapters.storage.sources import read_image
from pipeline.adapters.storage.store import Store, open_store
from pipeline.core.display import stored_uri
from pipeline.core.errors import ImageRejected
from pipeline.core.pixels import Floats
from pipeline.core.recipe import Recipe
from pipeline.core.records import ImageRecord, Mask, MaskMetrics, Rejection
from pipeline.stages.image import finish, infer, prepare, rejected_content, require_sound
from pipeline.stages.records import ChunkResult, Identity, Job, Prepared


def cut_chunk(job: Job, chunk: Sequence[ImageRecord]) -> ChunkResult:
    """Cut every image of a chunk: prepare → infer → finish, batch by batch; images = masks + rejections."""
    work = _Work(job, open_network(job.choice), open_store(job.objects_url))
    for batch in _batches(work.prepared(chunk), work.network, job.batch_images):
        for one, saliency in work.inferred(batch):
            work.finish(one, saliency)
    return work.result()


def identify_chunk(max_bytes: int, chunk: Sequence[ImageRecord]) -> tuple[Identity, ...]:
    """Read each image only to learn its sha256."""
    return tuple(Identity(image_id=record.image_id, sha256=_sha256(record, max_bytes)) for record in chunk)


class _Stopwatch:
    """Adds up the seconds spent inside its `with` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


class _Work:
    """The stages of one chunk, and what became of its images so far. An image that a stage rejects goes no further."""

    def __init__(self, job: Job, network: Network, store: Store) -> None:
        self.network = network
        self._job, self._store = job, store
        self._finished: list[tuple[Mask, MaskMetrics]] = []
        self._rejections: list[Rejection] = []
        self._batches = 0
        self._prepare, self._infer, self._finish = _Stopwatch(), _Stopwatch(), _Stopwatch()

    def prepared(self, chunk: Sequence[ImageRecord]) -> Iterator[Prepared]:
        """The images that can be decoded, one at a time."""
        for record in chunk:
            with self._prepare:
                try:
                    one = prepare(record, self._job)
                except ImageRejected as error:
                    self._reject(record, error, "prepare", rejected_content(record, error))
                    continue
            yield one

    def inferred(self, batch: Sequence[Prepared]) -> list[tuple[Prepared, Floats]]:
        """The saliency of each image by one model call; if it fails, by one call each, so that only one is rejected."""
        try:
            with self._infer:
                maps = infer(self.network, batch, self._job.recipe)
        except ImageRejected as error:
            if len(batch) > 1:
                return [pair for one in batch for pair in self.inferred([one])]
            require_sound(self._job.choice, self.network, batch[0].pixels)
            self._reject(batch[0].record, error, "infer", batch[0].sha256)
            return []
        self._batches += 1
        return list(zip(batch, maps, strict=True))

    def finish(self, one: Prepared, saliency: Floats) -> None:
        """Store what was made of one image."""
        try:
            with self._finish:
                self._finished.append(finish(one, saliency, self._store, self._job.recipe))
        except ImageRejected as error:
            self._reject(one.record, error, "finish", one.sha256)

    def result(self) -> ChunkResult:
        """What became of the chunk."""
        return ChunkResult(
            masks=tuple(mask for mask, _ in self._finished),
            metrics=tuple(metrics for _, metrics in self._finished),
            rejections=tuple(self._rejections),
            model_batches=self._batches,
            prepare_seconds=self._prepare.seconds,
            infer_seconds=self._infer.seconds,
            finish_seconds=self._finish.seconds,
        )

    def _reject(self, record: ImageRecord, error: ImageRejected, stage: str, sha256: str | None) -> None:
        self._rejections.append(_rejection(record, error, self._job.recipe, stage, sha256))


def _batches(prepared: Iterator[Prepared], network: Network, images: int) -> Iterator[list[Prepared]]:
    size = min(images, network.largest_batch or images)
    batch: list[Prepared] = []
    for one in prepared:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _rejection(record: ImageRecord, error: ImageRejected, recipe: Recipe, stage: str, sha256: str | None) -> Rejection:
    return Rejection(
        image_id=record.image_id,
        uri=stored_uri(record.uri),
        etag=record.etag,
        bytes=record.bytes,
        sha256=sha256,
        matte_digest=recipe.digests.matte_digest,
        render_digest=recipe.digests.render_digest,
        stage=stage,
        reason=error.reason,
        detail=error.detail,
        retryable=error.retryable,
    )


def _sha256(record: ImageRecord, max_bytes: int) -> str | None:
    try:
        return hashlib.sha256(read_image(record.uri, max_bytes=max_bytes)).hexdigest()
    except ImageRejected:
        return None
