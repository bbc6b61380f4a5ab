"""The work on one image in this process: memory is reserved, the photograph decoded, and its matte made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cutouts.adapters.model import ModelChoice, open_network
from cutouts.api.inputs import Input
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.looks import Look
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.stages import Job, Prepared, infer
from cutouts.stages.cores import for_lone_image
from cutouts.stages.image import prepared_matte, require_sound
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import process_memory

T = TypeVar("T")


def matted(
    given: Input,
    job: Job,
    make: Callable[[Photograph, Bytes], T],
    *,
    threads: int | None = None,
    alpha_is_matte: bool = False,
) -> T:
    """The result of `make` for the photograph and its matte, while the memory for them is reserved.

    If memory runs out nevertheless, it is tried once more with all memory that images may use. With `alpha_is_matte`,
    an image with alpha is a cutout already: its alpha is the matte, and no network is called. `threads` are those of
    the network; None means all cores while no other image is in progress in this process, and one otherwise.
    """
    memory = process_memory.sized(job.max_memory)
    made = partial(_made, given, job, make, threads=threads, alpha_is_matte=alpha_is_matte)
    with _in_progress:
        try:
            with memory.taken(given.needed):
                return made(alone=False)
        except ImageRejected as error:
            if error.reason is not RejectionReason.NEEDS_MEMORY or not error.retryable:
                raise
        with memory.all_of_it():
            return made(alone=True)


class _InProgress:
    """Counts the images that this process works on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.images = 0

    def __enter__(self) -> None:
        with self._lock:
            self.images += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.images -= 1


_in_progress = _InProgress()


def _made(
    given: Input,
    job: Job,
    make: Callable[[Photograph, Bytes], T],
    *,
    threads: int | None,
    alone: bool,
    alpha_is_matte: bool,
) -> T:
    prepared = given.decode()
    photograph = prepared.photograph
    if alpha_is_matte and photograph.alpha is not None:
        matte = photograph.alpha
    else:
        look = _look(prepared, job, threads, alone=alone)
        with one_image():
            matte = prepared_matte(prepared, look)
    with one_image():
        return make(photograph, matte)


def _look(prepared: Prepared, job: Job, threads: int | None, *, alone: bool) -> Look:
    """What the network says. If the network fails on every image, this raises ModelError instead of rejecting the
    image."""
    network = open_network(_choice(job, threads))
    try:
        (look,) = infer(network, [prepared], job.recipe)
    except ImageRejected as error:
        if alone or error.reason is not RejectionReason.NEEDS_MEMORY:
            require_sound(job.choice, network, prepared.view.pixels)
        raise
    return look


def _choice(job: Job, threads: int | None) -> ModelChoice:
    if threads is not None:
        return replace(job.choice, threads=threads)
    return for_lone_image(job.choice) if _in_progress.images == 1 else job.choice
