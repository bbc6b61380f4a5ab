"""Renders a chunk of live images from their stored cutouts, and from their photographs if these can still be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cutouts.adapters.images import decode, read_size
from cutouts.adapters.images.finished import figures_of
from cutouts.adapters.storage.store import Store, object_name, open_store
from cutouts.core.channels.figures import FileFigures, source_cut_sides
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.product_box import photograph_of
from cutouts.core.records import ImageRecord
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.drawing import Subject
from cutouts.core.renditions.records import LiveCutout, RenditionEntry, RenditionFailure
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.sources.locations import Reading
from cutouts.stages.deadline import deadlines
from cutouts.stages.image import finishing_memory, read
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import process_memory
from cutouts.stages.rendering import Original, Rendered, needs_photograph, rendered, rendering_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """Everything that a worker needs to render a chunk. `max_pixels` in px, `max_memory` in B, `image_seconds` in s."""

    renditions: tuple[Rendition, ...]
    objects_url: str
    reading: Reading
    max_pixels: int
    max_memory: int
    image_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderResult:
    """The renditions that a chunk made, whose pictures are stored, and the failures.

    `figures` has those of the finished files by object name, if a channel has rules for them.
    """

    entries: tuple[RenditionEntry, ...] = ()
    figures: Mapping[str, FileFigures] = field(default_factory=dict)
    failures: tuple[RenditionFailure, ...] = ()


def render_chunk(job: RenderJob, chunk: Sequence[LiveCutout]) -> RenderResult:
    """Render the stale renditions of every image of a chunk, and store the pictures.

    A problem of one image, or of one of its renditions, becomes a failure in the result; every other error is raised.
    """
    store = open_store(job.objects_url)
    parts = [_one(job, store, image) for image in chunk]
    return RenderResult(
        entries=tuple(entry for part in parts for entry in part.entries),
        figures={name: figures for part in parts for name, figures in part.figures.items()},
        failures=tuple(failure for part in parts for failure in part.failures),
    )


def measure_chunk(job: RenderJob, chunk: Sequence[RenditionEntry]) -> RenderResult:
    """Measure pictures that were rendered before, to judge them by changed rules. A picture that cannot be read becomes
    a failure."""
    store = open_store(job.objects_url)
    figures, failures = dict[str, FileFigures](), list[RenditionFailure]()
    for entry in chunk:
        try:
            with one_image(RejectionReason.UNREADABLE), deadlines.within(job.image_seconds):
                cut = decode(_stored(store, entry.cutout), max_pixels=job.max_pixels)
                figures[entry.picture] = _figures(store.read(entry.picture), entry.picture, _alpha(cut), job)
        except ImageRejected as error:
            failures += not_measured([entry], error).failures
    return RenderResult(entries=tuple(chunk), figures=figures, failures=tuple(failures))


def not_measured(chunk: Sequence[RenditionEntry], error: ImageRejected) -> RenderResult:
    """The pictures of a chunk as failures."""
    return RenderResult(failures=tuple(_failure(one, (one.rendition,), f"not checked: {error}") for one in chunk))


def _figures(data: bytes, name: str, alpha: Bytes, job: RenderJob) -> FileFigures:
    return replace(figures_of(data, name, max_pixels=job.max_pixels), source_cut_sides=source_cut_sides(alpha))


def failed(chunk: Sequence[LiveCutout], error: ImageRejected) -> RenderResult:
    """The images of a chunk as failures."""
    return RenderResult(failures=tuple(_failure(image, image.renditions, str(error)) for image in chunk))


def _one(job: RenderJob, store: Store, image: LiveCutout) -> RenderResult:
    wanted = [one for one in job.renditions if one.name in image.renditions]
    try:
        png = _stored(store, image.cutout)
        width, height = read_size(png) or (0, 0)
        needed = finishing_memory(width * height) + rendering_memory(width * height, wanted, job.max_pixels)
        photograph, problem = _photograph(job, image)
        with process_memory.sized(job.max_memory).taken(needed):
            return _rendered(job, store, image, wanted, _Sources(png=png, photograph=photograph, problem=problem))
    except ImageRejected as error:
        return RenderResult(failures=(_failure(image, image.renditions, str(error)),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """The bytes of an image's cutout and photograph; `problem` says why the latter is None."""

    png: bytes
    photograph: bytes | None
    problem: str


def _rendered(
    job: RenderJob, store: Store, image: LiveCutout, wanted: Sequence[Rendition], sources: _Sources
) -> RenderResult:
    """The pictures of one image. A rendition that cannot be made does not prevent the others."""
    entries, failures, figures = list[RenditionEntry](), list[RenditionFailure](), dict[str, FileFigures]()
    original: Original | None = None
    for rendition in wanted:
        try:
            with one_image(), deadlines.within(job.image_seconds):
                if needs_photograph(rendition) and sources.photograph is None:
                    raise ImageRejected(RejectionReason.UNREADABLE, f"its photograph: {sources.problem}")
                original = original or _original(job, image, wanted, sources)
                (made,) = rendered(original, [rendition])
                name = object_name(made.data, rendition.suffix)
                if rendition.rules is not None:
                    figures[name] = _figures(made.data, name, original.subject.alpha, job)
            entries.append(_entry(image, made, store.put_object(made.data, rendition.suffix), sources.problem))
        except ImageRejected as error:
            failures.append(_failure(image, (rendition.name,), str(error)))
    return RenderResult(entries=tuple(entries), figures=figures, failures=tuple(failures))


def _original(job: RenderJob, image: LiveCutout, wanted: Sequence[Rendition], sources: _Sources) -> Original:
    cut = decode(sources.png, max_pixels=job.max_pixels)
    photograph = None
    if sources.photograph is not None and any(needs_photograph(one) for one in wanted):
        photograph = decode(sources.photograph, max_pixels=job.max_pixels)
        if photograph.size != cut.size:
            raise ImageRejected(RejectionReason.FAILED, "its cutout has another size than its photograph")
    return Original(
        subject=Subject(rgba=np.dstack([cut.rgb, _alpha(cut)]), photograph=photograph),
        data=sources.photograph,
        made_of=f"{image.sha256} {image.cutout.partition('/')[2].partition('.')[0]}",
        max_pixels=job.max_pixels,
    )


def _alpha(cut: Photograph) -> Bytes:
    """The alpha of a cutout, which is left out when it is decoded if nobody sees that it is transparent."""
    return cut.alpha if cut.alpha is not None else np.full(cut.rgb.shape[:2], 255, np.uint8)


def _stored(store: Store, name: str) -> bytes:
    """The bytes of an object. Raises ImageRejected if it is missing, or if its content is not what its name says."""
    try:
        data = store.read(name)
    except FileNotFoundError:
        raise ImageRejected(RejectionReason.MISSING, f"its cutout {name}: run `cutouts verify`") from None
    if object_name(data, ".png") != name:
        raise ImageRejected(RejectionReason.DAMAGED, f"its cutout {name}: run `cutouts verify`")
    return data


def _photograph(job: RenderJob, image: LiveCutout) -> tuple[bytes | None, str]:
    """The bytes of the photograph, if they are still those that were cut; or else None, and why."""
    if image.uri is None:
        return None, "the plan that names its place is gone"
    record = ImageRecord(
        image_id=image.image_id,
        product_id=image.image_id,
        delivery_id=image.delivery_id,
        uri=image.uri,
        sha256=photograph_of(image.sha256),
    )
    try:
        return read(record, job.reading).data, ""
    except ImageRejected as error:
        return None, str(error)


def _entry(image: LiveCutout, made: Rendered, picture: str, problem: str) -> RenditionEntry:
    unread = (f"its photograph could not be read, so its source type is not stated: {problem}",) if problem else ()
    return RenditionEntry(
        delivery_id=image.delivery_id,
        image_id=image.image_id,
        rendition=made.rendition.name,
        rendition_digest=made.rendition.digest,
        cutout=image.cutout,
        sha256=image.sha256,
        picture=picture,
        format=made.rendition.format,
        width_px=made.width_px,
        height_px=made.height_px,
        bytes=len(made.data),
        quality=made.quality,
        notes=(*made.notes, *unread),
    )


def _failure(image: LiveCutout | RenditionEntry, renditions: tuple[str, ...], words: str) -> RenditionFailure:
    return RenditionFailure(delivery_id=image.delivery_id, image_id=image.image_id, renditions=renditions, words=words)
