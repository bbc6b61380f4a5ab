"""The inputs and results of the work on a chunk, as frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cutouts.adapters.model import ModelChoice, choose, recipe_of
from cutouts.core.config import Site
from cutouts.core.errors import ImageRejected
from cutouts.core.mask_metrics import MaskMetrics
from cutouts.core.matting.looks import View
from cutouts.core.pixels import Photograph
from cutouts.core.progress import Counter
from cutouts.core.recipe import Recipe
from cutouts.core.records import ImageRecord, Mask, Rejection
from cutouts.core.sources.locations import Reading
from cutouts.core.text.display import stored_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that a worker needs to cut a chunk. `max_pixels` in px, `max_memory` in B, `image_seconds` in s."""

    choice: ModelChoice
    recipe: Recipe
    objects_url: str
    batch_images: int
    max_pixels: int
    reading: Reading
    max_memory: int
    image_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """The results of a chunk; seconds are summed over its images."""

    masks: tuple[Mask, ...]
    metrics: tuple[MaskMetrics, ...]
    rejections: tuple[Rejection, ...]
    model_batches: int
    prepare_seconds: float
    infer_seconds: float
    finish_seconds: float

    @property
    def images(self) -> int:
        """The number of images in this result."""
        return len(self.masks) + len(self.rejections)

    def count_in(self, heard: Counter) -> None:
        """Count its images on a display of progress."""
        heard.add("cut", len(self.masks))
        heard.add("rejected", len(self.rejections))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """The bytes of one image; `sha256` is its content: their digest, and the box if there is one."""

    record: ImageRecord
    data: bytes
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A photograph ready for the network: `sha256` is its content, and `view` what the network sees of it (all, or the
    box with a margin)."""

    record: ImageRecord
    sha256: str
    photograph: Photograph
    view: View


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The content of an image whose manifest row states no sha256, and the row's ETag if the store confirmed it.

    Both are None if the image could not be read.
    """

    image_id: str
    sha256: str | None
    etag: str | None = None


def job_of(site: Site, *, crop: bool = False, sources: Sequence[str] = ()) -> Job:
    """The job that this site's settings describe; photographs may also be read below `sources`.

    Raises ModelError if the site may not use the model.
    """
    choice = choose(site.model, site.provider, models=site.models, allow_noncommercial=site.allow_noncommercial)
    return Job(
        choice=choice,
        recipe=recipe_of(choice.row, crop=crop),
        objects_url=site.objects_url,
        batch_images=site.batch_images,
        max_pixels=site.max_pixels,
        reading=site.reading(*sources),
        max_memory=site.max_memory,
        image_seconds=site.image_seconds,
    )


def rejection(
    record: ImageRecord, error: ImageRejected, recipe: Recipe, *, stage: str, sha256: str | None
) -> Rejection:
    """The record of an image that was rejected at a stage; `sha256` of its bytes, or None if it is not known."""
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
