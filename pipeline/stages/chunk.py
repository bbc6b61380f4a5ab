"""One chunk, batch by batch: only one batch of full-size photographs is in memory, whatever the size of the chunk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence

from pipeline.adapters.model import Network, open_network
from pipeline.adapters.storage.sources import read_image
from pipeline.adapters.storage.store import open_store
from pipeline.core.errors import ImageRejected
from pipeline.core.recipe import Recipe
from pipeline.core.records import ImageRecord, Mask, MaskMetrics, Rejection
from pipeline.stages.image import IdentifiedRejection, finish, infer, prepare
from pipeline.stages.records import ChunkResult, Identity, Job, Prepared


def cut_chunk(job: Job, chunk: Sequence[ImageRecord]) -> ChunkResult:
    """Cut every image of a chunk: prepare → infer → finish, batch by batch; images = masks + rejections."""
    network, store = open_network(job.choice), open_store(job.objects_url)
    clock = _Clock()
    rejections: list[Rejection] = []
    finished: list[tuple[Mask, MaskMetrics]] = []
    batches = 0
    for batch in _batches(_prepared(job, chunk, rejections, clock), network, job.batch_images):
        with clock.infer:
            maps = infer(network, batch, job.recipe)
        batches += 1
        with clock.finish:
            finished += [finish(one, saliency, store, job.recipe) for one, saliency in zip(batch, maps, strict=True)]
    return ChunkResult(
        masks=tuple(mask for mask, _ in finished),
        metrics=tuple(metrics for _, metrics in finished),
        rejections=tuple(rejections),
        model_batches=batches,
        prepare_seconds=clock.prepare.seconds,
        infer_seconds=clock.infer.seconds,
        finish_seconds=clock.finish.seconds,
    )


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


class _Clock:
    def __init__(self) -> None:
        self.prepare, self.infer, self.finish = _Stopwatch(), _Stopwatch(), _Stopwatch()


def _prepared(job: Job, chunk: Sequence[ImageRecord], rejections: list[Rejection], clock: _Clock) -> Iterator[Prepared]:
    for record in chunk:
        with clock.prepare:
            try:
                one = prepare(record, job)
            except ImageRejected as error:
                rejections.append(_rejection(record, error, job.recipe))
                continue
        yield one


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


def _rejection(record: ImageRecord, error: ImageRejected, recipe: Recipe) -> Rejection:
    return Rejection(
        image_id=record.image_id,
        uri=record.uri,
        etag=record.etag,
        bytes=record.bytes,
        sha256=error.sha256 if isinstance(error, IdentifiedRejection) else record.sha256,
        matte_digest=recipe.digests.matte_digest,
        render_digest=recipe.digests.render_digest,
        stage="prepare",
        reason=error.reason,
        detail=error.detail,
        retryable=error.retryable,
    )


def _sha256(record: ImageRecord, max_bytes: int) -> str | None:
    try:
        return hashlib.sha256(read_image(record.uri, max_bytes=max_bytes)).hexdigest()
    except ImageRejected:
        return None
