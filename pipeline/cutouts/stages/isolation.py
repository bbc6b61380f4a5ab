"""What a runner needs to carry on with a chunk that ended its process: its images, a trial without any, the verdict."""

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


def images_of(chunk: Sequence[ImageRecord]) -> list[tuple[ImageRecord, ...]]:
    """A chunk as chunks of one image each."""
    return [(record,) for record in chunk]


def try_out(job: Job) -> None:
    """Run the network on an empty image; raises its error. What ends a process here is not an image's fault."""
    empty = Photograph(rgb=np.full((64, 64, 3), 128, np.uint8))
    require_sound(job.choice, open_network(job.choice), network_input(empty, job.recipe.preprocessing))


def nothing_to_try() -> None:
    """Reading a file needs no trial."""


def rejected(job: Job, chunk: Sequence[ImageRecord], error: ImageRejected) -> ChunkResult:
    """The images of a chunk as rejections. Their bytes are read once more, so that they are known in the next run."""
    return ChunkResult(
        masks=(),
        metrics=(),
        rejections=tuple(
            rejection(record, error, job.recipe, stage="process", sha256=record.sha256 or _content(record, job))
            for record in chunk
        ),
        model_batches=0,
        prepare_seconds=0.0,
        infer_seconds=0.0,
        finish_seconds=0.0,
    )


def unidentified(chunk: Sequence[ImageRecord], _: ImageRejected) -> tuple[Identity, ...]:
    """The images of a chunk as ones whose content is not known."""
    return tuple(Identity(image_id=record.image_id, sha256=None) for record in chunk)


def _content(record: ImageRecord, job: Job) -> str | None:
    try:
        return read(record, job.reading).sha256
    except ImageRejected:
        return None
