"""What a worker of the server does: decode a batch of images, run the network once for all of them, make the PNGs."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import TypeVar

import numpy as np

from cutouts.adapters.images import decode, encode_png
from cutouts.adapters.model import Network, open_network
from cutouts.api.cutout import origin, told
from cutouts.core.calibration import TERMS, Calibration
from cutouts.core.errors import ImageRejected
from cutouts.core.matting.cutout import cutout, found_box
from cutouts.core.matting.matte import matte_from_saliency
from cutouts.core.matting.measurements import measure
from cutouts.core.pixels import Bytes, Floats
from cutouts.core.png_mark import marked
from cutouts.core.records import ImageRecord, Measurements
from cutouts.models.calibrations import find_calibration
from cutouts.server.orders import Answer, Order, Product, Refusal
from cutouts.stages import Job, Prepared, infer
from cutouts.stages.deadline import deadlines
from cutouts.stages.image import fitted, needed_memory, require_sound
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import Memory, process_memory

T = TypeVar("T")
R = TypeVar("R")
U = TypeVar("U")

_UNNAMED = ImageRecord(image_id="", product_id="", delivery_id="", uri="")
"""The record of an image that no manifest names."""
_LIKELY = 0.5
"""Above this probability, the main reason against the mask is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """A photograph ready for the network, and the seconds that it took so far."""

    order: Order
    prepared: Prepared
    seconds: dict[str, float]


def cut_orders(job: Job, orders: Sequence[Order]) -> tuple[Answer | Refusal, ...]:
    """Cut every image; one model call serves as many of them as the network takes.

    An image that cannot be cut gets a refusal and does not stop the others. Raises ModelError if the network fails on
    every image.
    """
    memory = process_memory.sized(job.max_memory)
    sizes = [_tried(partial(_size, order, job, memory)) for order in orders]
    together = sum(size for size in sizes if isinstance(size, int))
    if len(orders) > 1 and together > memory.at_once:
        return tuple(answer for order in orders for answer in cut_orders(job, [order]))
    with memory.taken(together):
        return tuple(_finished(job, _each(partial(_opened, job), orders, sizes)))


def _size(order: Order, job: Job, memory: Memory) -> int:
    """The memory that the image needs (B). Raises ImageRejected if it may not use that much."""
    return memory.fitting(needed_memory(order.image, max_pixels=job.max_pixels))


def _opened(job: Job, order: Order, size: int | Refusal) -> _Decoded | Refusal:
    return size if isinstance(size, Refusal) else _tried(partial(_decoded, order, job))


def _decoded(order: Order, job: Job) -> _Decoded:
    """Decode an image and fit it for the network. Raises ImageRejected."""
    seconds: dict[str, float] = {}
    with one_image(), deadlines.within(job.image_seconds):
        with _timed(seconds, "decode"):
            photograph = decode(order.image, max_pixels=job.max_pixels)
        with _timed(seconds, "fit"):
            sha256 = hashlib.sha256(order.image).hexdigest()
            prepared = fitted(_UNNAMED, photograph, job, sha256=sha256)
    return _Decoded(order=order, prepared=prepared, seconds=seconds)


def _finished(job: Job, decoded: Sequence[_Decoded | Refusal]) -> Iterator[Answer | Refusal]:
    """The answers in order: one for each image that was decoded, and the refusals of the others."""
    network = open_network(job.choice)
    good = [one for one in decoded if isinstance(one, _Decoded)]
    size = network.largest_batch or max(1, len(good))
    maps = [found for at in range(0, len(good), size) for found in _saliency(job, network, good[at : at + size])]
    answers = iter(_each(partial(_answer, job), good, maps))
    for one in decoded:
        yield one if isinstance(one, Refusal) else next(answers)


def _saliency(job: Job, network: Network, batch: Sequence[_Decoded]) -> list[Floats | Refusal]:
    """The network's output for each image from one call. If that fails, from one call per image, so that only the image
    that fails is refused."""
    began = time.perf_counter()
    try:
        maps = infer(network, [one.prepared for one in batch], job.recipe)
    except ImageRejected as error:
        if len(batch) > 1:
            return [found for one in batch for found in _saliency(job, network, [one])]
        require_sound(job.choice, network, batch[0].prepared.pixels)
        return [Refusal.of(error)]
    for one in batch:
        one.seconds["network"] = time.perf_counter() - began
    return [*maps]


def _answer(job: Job, one: _Decoded, saliency: Floats | Refusal) -> Answer | Refusal:
    return saliency if isinstance(saliency, Refusal) else _tried(partial(_made, job, one, saliency))


def _made(job: Job, one: _Decoded, saliency: Floats) -> Answer:
    """Make what was ordered, and measure the matte. Raises ImageRejected."""
    photograph, seconds = one.prepared.photograph, one.seconds
    with one_image(), deadlines.within(job.image_seconds):
        with _timed(seconds, "matte"):
            matte = matte_from_saliency(saliency, photograph)
        with ThreadPoolExecutor(1) as beside:  # the PNG and the measurements do not need each other
            measuring = beside.submit(measure, saliency, photograph, matte)
            png = b"" if one.order.product is Product.MEASUREMENTS else _png(job, one, matte)
            with _timed(seconds, "measure"):
                measured = measuring.result()
    p_bad, doubt = _judged(measured, _calibration(job.recipe.digests.matte_digest, job.choice.models))
    return Answer(
        png=png,
        width_px=photograph.size[0],
        height_px=photograph.size[1],
        found=bool(matte.any()),
        notes=photograph.notes,
        measured=measured,
        p_bad=p_bad,
        doubt=doubt,
        seconds=seconds,
    )


def _png(job: Job, one: _Decoded, matte: Bytes) -> bytes:
    """The PNG that `cutouts cut` writes for the same file."""
    mask = one.order.product is Product.MATTE
    with _timed(one.seconds, "cutout"):
        pixels = matte if mask else cutout(one.prepared.photograph, matte)
        pixels = np.ascontiguousarray(pixels[found_box(matte)] if one.order.crop else pixels)
    with _timed(one.seconds, "encode"):
        text = origin(one.prepared.sha256, job.recipe.digests)
        return marked(encode_png(pixels), told(text, mask=mask, notes=one.prepared.photograph.notes))


def _judged(measured: Measurements, calibration: Calibration | None) -> tuple[float | None, str | None]:
    """The probability that the mask is bad, and what speaks most against it if that is likely."""
    if calibration is None:
        return None, None
    values = asdict(measured)
    rows = {name: np.asarray([values[name]], np.float64) for name in TERMS}
    p_bad = float(calibration.probabilities(rows)[0])
    return p_bad, calibration.reasons(rows)[0] if p_bad > _LIKELY else None


@cache
def _calibration(matte_digest: str, models: str) -> Calibration | None:
    return find_calibration(matte_digest, models)


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
    with ThreadPoolExecutor(min(len(ones), os.cpu_count() or 1)) as pool:
        return list(pool.map(function, ones, others))


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - began
