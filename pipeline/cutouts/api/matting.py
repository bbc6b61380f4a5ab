"""The work on one image in this process: memory is reserved, the photograph decoded, and its matte made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cutouts.adapters.model import open_network
from cutouts.api.inputs import Input
from cutouts.core.errors import ImageRejected
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.core.records import RejectionReason
from cutouts.stages import Job, Prepared, infer
from cutouts.stages.image import matte_of, require_sound
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import process_memory

T = TypeVar("T")


def matted(given: Input, job: Job, make: Callable[[Photograph, Bytes], T], *, alpha_is_matte: bool = False) -> T:
    """The result of `make` for the photograph and its matte, while the memory for them is reserved.

    If memory runs out nevertheless, it is tried once more with all memory that images may use. With `alpha_is_matte`,
    an image with alpha is a cutout already: its alpha is the matte, and no network is called.
    """
    memory = process_memory.sized(job.max_memory)
    try:
        with memory.taken(given.needed):
            return _made(given, job, make, alone=False, alpha_is_matte=alpha_is_matte)
    except ImageRejected as error:
        if error.reason is not RejectionReason.NEEDS_MEMORY or not error.retryable:
            raise
    with memory.all_of_it():
        return _made(given, job, make, alone=True, alpha_is_matte=alpha_is_matte)


def _made(given: Input, job: Job, make: Callable[[Photograph, Bytes], T], *, alone: bool, alpha_is_matte: bool) -> T:
    prepared = given.decode()
    photograph = prepared.photograph
    if alpha_is_matte and photograph.alpha is not None:
        matte = photograph.alpha
    else:
        saliency = _saliency(prepared, job, alone=alone)
        with one_image():
            matte = matte_of(prepared, saliency)
    with one_image():
        return make(photograph, matte)


def _saliency(prepared: Prepared, job: Job, *, alone: bool) -> Floats:
    """The network's output. If the network fails on every image, this raises ModelError instead of rejecting the
    image."""
    network = open_network(job.choice)
    try:
        (saliency,) = infer(network, [prepared], job.recipe)
    except ImageRejected as error:
        if alone or error.reason is not RejectionReason.NEEDS_MEMORY:
            require_sound(job.choice, network, prepared.pixels)
        raise
    return saliency
