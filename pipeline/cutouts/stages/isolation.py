"""What a runner needs to continue with a chunk that ended its process: a trial without images, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cutouts.adapters.model import open_network
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.preprocess import network_input
from cutouts.core.pixels import Photograph
from cutouts.core.records import ImageRecord
from cutouts.stages.image import read, require_sound
from cutouts.stages.records import ChunkResult, Identity, Job, rejection


def try_out(job: Job) -> None:
    """Run the network on an empty image. Raises its error. If this ends the process, no image is to blame."""
    empty = Photograph(rgb=np.full((64, 64, 3), 128, np.uint8))
    require_sound(job.choice, open_network(job.choice), network_input(empty, job.recipe.preprocessing))


def nothing_to_try() -> None:
    """Does nothing: reading a file needs no trial."""


def rejected(job: Job, chunk: Sequence[ImageRecord], error: ImageRejected) -> ChunkResult:
    """The images of a chunk as rejections. If a row states no sha256, the bytes are read again, so that the next run
    recognises them."""
    return ChunkResult(
        masks=(),
        metrics=(),
        rejections=tuple(
            rejection(record, error, job.recipe, stage="process", sha256=_content(record, job)) for record in chunk
        ),
        model_batches=0,
        prepare_seconds=0.0,
        infer_seconds=0.0,
        finish_seconds=0.0,
    )


def unidentified(chunk: Sequence[ImageRecord], _: ImageRejected) -> tuple[Identity, ...]:
    """The images of a chunk with unknown content."""
    return tuple(Identity(image_id=record.image_id, sha256=None) for record in chunk)


def _content(record: ImageRecord, job: Job) -> str | None:
    if record.sha256 is not None:
        return record.content(record.sha256)
    try:
        return read(record, job.reading).sha256
    except ImageRejected:
        return None
