"""prepare → infer → finish: plain functions for one chunk, which do not know where they run.

A chunk is cut batch by batch, so that only one batch of full-size photographs is in memory at a time, whatever the
chunk's size. What is wrong with one image is a `Rejection` in the result; anything else raises.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.adapters.images import decode, encode_png
from pipeline.adapters.model import ModelChoice, Network, choose, open_network, recipe_of
from pipeline.adapters.storage.sources import read_image
from pipeline.adapters.storage.store import Store, open_store
from pipeline.core.config import Site
from pipeline.core.cutout import cutout
from pipeline.core.errors import ImageRejected
from pipeline.core.matte import matte_from_saliency
from pipeline.core.metrics import Measurements, measure
from pipeline.core.pixels import Bytes, Floats, Photograph
from pipeline.core.preprocess import crop_saliency, network_input
from pipeline.core.recipe import Recipe
from pipeline.core.records import ImageRecord, Mask, MaskMetrics, Rejection, RejectionReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that a worker needs to cut a chunk. `max_pixels` in px, `max_bytes` in B."""

    choice: ModelChoice
    recipe: Recipe
    objects_url: str
    batch_images: int
    max_pixels: int
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """What became of a chunk; seconds are summed over its images."""

    masks: tuple[Mask, ...]
    metrics: tuple[MaskMetrics, ...]
    rejections: tuple[Rejection, ...]
    model_batches: int
    prepare_seconds: float
    infer_seconds: float
    finish_seconds: float

    @property
    def images(self) -> int:
        """Images that this result accounts for."""
        return len(self.masks) + len(self.rejections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A photograph ready for the network: `sha256` of its file, `pixels` as `network_input` gives them."""

    record: ImageRecord
    sha256: str
    photograph: Photograph
    pixels: Bytes | Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The content of an image whose manifest row states no sha256; None where it could not be read."""

    image_id: str
    sha256: str | None


def job_of(site: Site, *, crop: bool = False) -> Job:
    """The job that this site's settings describe. Raises ModelError for a model that it may not use."""
    choice = choose(site.model, site.provider, models=site.models, allow_noncommercial=site.allow_noncommercial)
    return Job(
        choice=choice,
        recipe=recipe_of(choice.row, crop=crop),
        objects_url=site.objects_url,
        batch_images=site.batch_images,
        max_pixels=site.max_pixels,
        max_bytes=site.max_bytes,
    )


def prepare(record: ImageRecord, job: Job) -> Prepared:
    """Read, decode, orient, colour-manage and fit one image. Raises ImageRejected."""
    data = read_image(record.uri, max_bytes=job.max_bytes)
    sha256 = hashlib.sha256(data).hexdigest()
    if record.sha256 is not None and record.sha256 != sha256:
        detail = f"its sha256 is {sha256[:12]}…, the manifest says {record.sha256[:12]}…"
        raise ImageRejected(RejectionReason.CHANGED, detail, retryable=True)
    try:
        photograph = decode(data, max_pixels=job.max_pixels)
    except ImageRejected as error:
        raise _Identified(error, sha256) from error
    pixels = network_input(photograph, job.recipe.preprocessing)
    return Prepared(record=record, sha256=sha256, photograph=photograph, pixels=pixels)


def infer(network: Network, prepared: Sequence[Prepared], recipe: Recipe) -> list[Floats]:
    """One model call: the raw probability of each photograph, float32 h×w of the part that it fills."""
    maps = network.saliency([one.pixels for one in prepared])
    return [
        crop_saliency(saliency, *one.photograph.size, recipe.preprocessing)
        for saliency, one in zip(maps, prepared, strict=True)
    ]


def finish(prepared: Prepared, saliency: Floats, store: Store, recipe: Recipe) -> tuple[Mask, MaskMetrics]:
    """Matte at source size and cutout, both stored by their content, and what was measured on the matte."""
    photograph, record = prepared.photograph, prepared.record
    matte = matte_from_saliency(saliency, photograph)
    digests = recipe.digests
    mask = Mask(
        image_id=record.image_id,
        uri=record.uri,
        etag=record.etag,
        bytes=record.bytes,
        sha256=prepared.sha256,
        matte_digest=digests.matte_digest,
        render_digest=digests.render_digest,
        width_px=photograph.size[0],
        height_px=photograph.size[1],
        mask=store.put_object(encode_png(matte), ".png"),
        cutout=store.put_object(encode_png(cutout(photograph, matte)), ".png"),
        notes=photograph.notes,
    )
    return mask, _metrics(mask, measure(saliency, photograph, matte))


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


class _Identified(ImageRejected):
    """A rejection of bytes that were read: it holds until they change."""

    def __init__(self, error: ImageRejected, sha256: str) -> None:
        super().__init__(error.reason, error.detail, retryable=error.retryable)
        self.sha256 = sha256


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
        sha256=error.sha256 if isinstance(error, _Identified) else record.sha256,
        matte_digest=recipe.digests.matte_digest,
        render_digest=recipe.digests.render_digest,
        stage="prepare",
        reason=error.reason,
        detail=error.detail,
        retryable=error.retryable,
    )


def _metrics(mask: Mask, measured: Measurements) -> MaskMetrics:
    return MaskMetrics(
        image_id=mask.image_id,
        sha256=mask.sha256,
        matte_digest=mask.matte_digest,
        render_digest=mask.render_digest,
        **{name: getattr(measured, name) for name in type(measured).__slots__},
    )


def _sha256(record: ImageRecord, max_bytes: int) -> str | None:
    try:
        return hashlib.sha256(read_image(record.uri, max_bytes=max_bytes)).hexdigest()
    except ImageRejected:
        return None
