"""What a worker of the server does: decode a batch of images, run the network once for all of them, make the files."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cutouts.adapters.images import decode
from cutouts.adapters.model import Network, open_network
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.looks import Look
from cutouts.core.pixels import Photograph
from cutouts.core.product_box import content_of
from cutouts.core.records import ImageRecord
from cutouts.server.making import Decoded, ServerJob, make, timed
from cutouts.server.orders import Answer, Order, Refusal
from cutouts.stages import Job, infer
from cutouts.stages.cores import for_lone_image, machine_cores
from cutouts.stages.deadline import deadlines
from cutouts.stages.image import BYTES_PER_PIXEL, fitted, needed_memory, require_box, require_sound
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import Memory, process_memory
from cutouts.stages.rendering import rendering_memory

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")

_UNNAMED = ImageRecord(image_id="", product_id="", delivery_id="", uri="")
"""The record of an image that no manifest names."""


def cut_orders(how: ServerJob, orders: Sequence[Order]) -> tuple[Answer | Refusal, ...]:
    """Cut every image; one model call serves as many of them as the network takes.

    An image that cannot be cut gets a refusal and does not stop the others. Raises ModelError if the network fails on
    every image.
    """
    memory = process_memory.sized(how.job.max_memory)
    sizes = [_tried(partial(_size, how, order, memory)) for order in orders]
    together = sum(size for size in sizes if isinstance(size, int))
    if len(orders) > 1 and together > memory.at_once:
        return tuple(answer for order in orders for answer in cut_orders(how, [order]))
    with memory.taken(together):
        decoded = _each(partial(_opened, how.job), orders, sizes)
        return tuple(_finished(how, decoded, lone=len(orders) == 1 and orders[0].lone))


def _size(how: ServerJob, order: Order, memory: Memory) -> int:
    """The memory that the image needs (B). Raises ImageRejected if it may not use that much."""
    needed = needed_memory(order.image, max_pixels=how.job.max_pixels)
    if order.rendition:
        wanted = [how.renditions[order.rendition]]
        needed += rendering_memory(needed // BYTES_PER_PIXEL, wanted, how.job.max_pixels)
    return memory.fitting(needed)


def _opened(job: Job, order: Order, size: int | Refusal) -> Decoded | Refusal:
    return size if isinstance(size, Refusal) else _tried(partial(_decoded, order, job))


def _decoded(order: Order, job: Job) -> Decoded:
    """Decode an image and fit it for the network. Raises ImageRejected."""
    seconds: dict[str, float] = {}
    with one_image(), deadlines.within(job.image_seconds):
        with timed(seconds, "decode"):
            photograph = decode(order.image, max_pixels=job.max_pixels)
        with timed(seconds, "fit"):
            require_box(order.box, photograph)
            photograph = _boxed(photograph, order)
            content = content_of(hashlib.sha256(order.image).hexdigest(), order.box)
            prepared = fitted(_UNNAMED.boxed(order.box), photograph, job, sha256=content)
    return Decoded(order=order, prepared=prepared, seconds=seconds)


def _boxed(photograph: Photograph, order: Order) -> Photograph:
    """A cutout whose rendition is ordered has nothing outside of the order's box, if there is one."""
    if order.box is None or photograph.alpha is None or not order.rendition:
        return photograph
    return replace(photograph, alpha=order.box.only(photograph.alpha))


def _finished(how: ServerJob, decoded: Sequence[Decoded | Refusal], *, lone: bool) -> Iterator[Answer | Refusal]:
    """The answers in order: one for each image that was decoded, and the refusals of the others."""
    network = open_network(for_lone_image(how.job.choice) if lone else how.job.choice)
    good = [one for one in decoded if isinstance(one, Decoded)]
    to_cut = [one for one in good if not one.is_cutout]
    size = network.largest_batch or max(1, len(to_cut))
    batches = (to_cut[at : at + size] for at in range(0, len(to_cut), size))
    found = iter([one for batch in batches for one in _looks(how.job, network, batch)])
    looks = [None if one.is_cutout else next(found) for one in good]
    answers = iter(_each(partial(_answer, how), good, looks))
    for one in decoded:
        yield one if isinstance(one, Refusal) else next(answers)


def _looks(job: Job, network: Network, batch: Sequence[Decoded]) -> list[Look | Refusal]:
    """What the network says about each image, of all at once. If that fails, of one after the other, so that only the
    image that fails is refused."""
    began = time.perf_counter()
    try:
        looks = infer(network, [one.prepared for one in batch], job.recipe)
    except ImageRejected as error:
        if len(batch) > 1:
            return [found for one in batch for found in _looks(job, network, [one])]
        require_sound(job.choice, network, batch[0].prepared.view.pixels)
        return [Refusal.of(error)]
    for one in batch:
        one.seconds["network"] = time.perf_counter() - began
    return [*looks]


def _answer(how: ServerJob, one: Decoded, look: Look | Refusal | None) -> Answer | Refusal:
    return look if isinstance(look, Refusal) else _tried(partial(_made, how, one, look))


def _made(how: ServerJob, one: Decoded, look: Look | None) -> Answer:
    """The answer within the time for one image. Raises ImageRejected."""
    with one_image(), deadlines.within(how.job.image_seconds):
        return make(how, one, look)


def _tried(call: Callable[[], T]) -> T | Refusal:
    """The result of the call, or the refusal of its image."""
    try:
        return call()
    except ImageRejected as error:
        return Refusal.of(error)


def _each(function: Callable[[T, R], U], ones: Sequence[T], others: Sequence[R]) -> list[U]:
    """The function of each pair; several at a time if there are several."""
    if len(ones) < 2:
        return [function(one, other) for one, other in zip(ones, others, strict=True)]
    with ThreadPoolExecutor(min(len(ones), machine_cores())) as pool:
        return list(pool.map(function, ones, others))
