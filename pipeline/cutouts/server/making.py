"""From a photograph and the network's output to the file that was ordered, and what can be said about its mask."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np

from cutouts.adapters.images import encode_png
from cutouts.api.cutout import origin, told
from cutouts.api.renderer import notes_of, subject_of
from cutouts.core.calibration import TERMS, Calibration
from cutouts.core.mask_metrics import Measurements
from cutouts.core.matting.cutout import cutout, found_box
from cutouts.core.matting.looks import Look
from cutouts.core.matting.measurements import measure_look
from cutouts.core.pixels import Bytes, Photograph
from cutouts.core.png_mark import marked
from cutouts.core.renditions.rendition import Rendition
from cutouts.models.calibrations import find_calibration
from cutouts.server.orders import Answer, Order, Product
from cutouts.stages import Job, Prepared
from cutouts.stages.image import prepared_matte
from cutouts.stages.rendering import Original, rendered

_LIKELY = 0.5
"""Above this probability, what speaks against the mask is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerJob:
    """How the images of a server are cut, and the renditions that clients may order, by name."""

    job: Job
    renditions: Mapping[str, Rendition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A photograph ready for the network, and the seconds that it took so far."""

    order: Order
    prepared: Prepared
    seconds: dict[str, float]

    @property
    def is_cutout(self) -> bool:
        """Whether a rendition is ordered of an image that is a cutout already: its alpha is the matte."""
        return self.order.product is Product.RENDITION and self.prepared.photograph.alpha is not None


def make(how: ServerJob, one: Decoded, look: Look | None) -> Answer:
    """Make what was ordered; `look` is None for an image that is a cutout already. Raises ImageRejected."""
    if look is None:
        matte = np.asarray(one.prepared.photograph.alpha, np.uint8)
        return _answer(how, one, matte, _file(how, one, matte), None)
    with timed(one.seconds, "matte"):
        matte = prepared_matte(one.prepared, look)
    # the file and the measurements do not need each other
    measuring = _beside().submit(measure_look, look, matte)
    try:
        file = _file(how, one, matte)
    finally:
        with timed(one.seconds, "measure"):
            measured = measuring.result()
    return _answer(how, one, matte, file, measured)


@cache
def _beside() -> ThreadPoolExecutor:
    """The threads of this process that measure, which live as long as it does: to start one takes 0.3 ms."""
    return ThreadPoolExecutor(thread_name_prefix="measure")


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note the seconds of the block."""
    began = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A finished file, and what is to be said about how the image was read and the file made."""

    notes: tuple[str, ...]
    data: bytes = b""


def _answer(how: ServerJob, one: Decoded, matte: Bytes, file: _File, measured: Measurements | None) -> Answer:
    digest, models = how.job.recipe.digests.matte_digest, how.job.choice.models
    p_bad, doubt = (None, None) if measured is None else _judged(measured, _calibration(digest, models))
    photograph = one.prepared.photograph
    return Answer(
        file=file.data,
        width_px=photograph.size[0],
        height_px=photograph.size[1],
        found=bool(matte.any()),
        notes=file.notes,
        measured=measured,
        p_bad=p_bad,
        doubt=doubt,
        seconds=one.seconds,
    )


def _file(how: ServerJob, one: Decoded, matte: Bytes) -> _File:
    made_of, notes = origin(one.prepared.sha256, how.job.recipe.digests), one.prepared.photograph.notes
    match one.order.product:
        case Product.RENDITION:
            return _rendition(how, one, matte, made_of)
        case Product.MEASUREMENTS:
            return _File(notes=notes)
    return _File(data=_png(one, matte, made_of), notes=notes)


def _rendition(how: ServerJob, one: Decoded, matte: Bytes, made_of: str) -> _File:
    """The file that `cutouts render` writes for the same image."""
    with timed(one.seconds, "render"):
        original = Original(
            subject=subject_of(one.prepared.photograph, matte),
            data=one.order.image,
            made_of=made_of,
            max_pixels=how.job.max_pixels,
            notes=notes_of(one.prepared.photograph, matte),
        )
        (made,) = rendered(original, [how.renditions[one.order.rendition]])
    return _File(data=made.data, notes=(*original.notes, *made.notes))


def _png(one: Decoded, matte: Bytes, made_of: str) -> bytes:
    """The PNG that `cutouts cut` writes for the same file."""
    photograph: Photograph = one.prepared.photograph
    mask = one.order.product is Product.MATTE
    with timed(one.seconds, "cutout"):
        pixels = matte if mask else cutout(photograph, matte)
        pixels = np.ascontiguousarray(pixels[found_box(matte)] if one.order.crop else pixels)
    with timed(one.seconds, "encode"):
        return marked(encode_png(pixels), told(made_of, mask=mask, notes=photograph.notes))


def _judged(measured: Measurements, calibration: Calibration | None) -> tuple[float | None, str | None]:
    """The probability that the mask is bad, and what speaks most against it if that is likely."""
    if calibration is None:
        return None, None
    values = asdict(measured)
    rows = {name: np.asarray([values[name]], np.float64) for name in TERMS}
    p_bad = float(calibration.probabilities(rows)[0])
    return p_bad, "; ".join(calibration.reasons(rows)[0]) if p_bad > _LIKELY else None


@cache
def _calibration(matte_digest: str, models: str) -> Calibration | None:
    return find_calibration(matte_digest, models)
