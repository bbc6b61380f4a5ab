"""The three stages of one image: prepare, infer, finish."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cutouts.adapters.images import decode, decode_bytes, encode_png, is_image, read_size
from cutouts.adapters.model import ModelChoice, Network
from cutouts.adapters.storage.object_batch import ObjectBatch
from cutouts.adapters.storage.sources.reading import find_image
from cutouts.core.errors import ImageRejected, ModelError, TransientError
from cutouts.core.mask_metrics import MaskMetrics, Measurements
from cutouts.core.matting.cutout import cutout
from cutouts.core.matting.looks import Look, look_at, view_of
from cutouts.core.matting.matte import matte_of
from cutouts.core.matting.measurements import measure_look
from cutouts.core.pixels import Bytes, Floats, Photograph
from cutouts.core.png_mark import marked
from cutouts.core.product_box import ProductBox, content_of
from cutouts.core.recipe import Recipe
from cutouts.core.records import ImageRecord, Mask
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import FetchedFile, Location, Reading, same_etag
from cutouts.core.text.display import stored_uri
from cutouts.stages.deadline import deadlines
from cutouts.stages.image_errors import one_image
from cutouts.stages.memory_budget import Memory
from cutouts.stages.records import Job, Prepared, SourceFile

_BASE_BYTES = 64_000_000
"""The memory that an image needs independent of its size (B): the network's planes, and blocks of pixels in
progress."""
BYTES_PER_PIXEL = 14
"""Bytes per pixel of the photograph, its matte and cutout, and their PNGs: 10 to 14 B were measured at 16 to 100 MP."""


class IdentifiedRejection(ImageRejected):
    """A rejection of bytes that were read: it stays valid until they change."""

    def __init__(self, error: ImageRejected, sha256: str) -> None:
        super().__init__(error.reason, error.detail, retryable=error.retryable)
        self.sha256 = sha256


def rejected_content(record: ImageRecord, error: ImageRejected) -> str | None:
    """The key by which the ledger finds a rejection again: the sha256 of the bytes, if they are an image.

    Otherwise it is the digest that the manifest states, or else, if the file is not an image, a name made from its URI,
    ETag and size; None if there is none of these.
    """
    if isinstance(error, IdentifiedRejection):
        return error.sha256
    if error.reason is RejectionReason.NOT_AN_IMAGE and record.sha256 is None and record.etag is not None:
        place = f"{stored_uri(record.uri)}\n{record.etag}\n{record.bytes}"
        return f"place-{hashlib.sha256(place.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return record.content(record.sha256)


def read(record: ImageRecord, reading: Reading) -> SourceFile:
    """Read the image's file. Raises ImageRejected if it cannot be read or does not match the manifest.

    The record keeps its ETag only if the store confirms it, because results are found again by it.
    """
    with one_image(RejectionReason.UNREADABLE, retryable=True):
        found = find_image(record.uri, reading)
    sha256 = hashlib.sha256(found.data).hexdigest()
    if record.sha256 is not None and record.sha256 != sha256:
        raise _changed(f"its sha256 is not the {record.sha256[:12]}… of the manifest")
    if record.bytes is not None and record.bytes != len(found.data):
        raise _changed(f"it has {len(found.data)} B; the manifest says {record.bytes} B")
    confirmed = replace(record, etag=_confirmed_etag(record, found))
    return SourceFile(record=confirmed, data=found.data, sha256=content_of(sha256, record.box))


def _confirmed_etag(record: ImageRecord, found: FetchedFile) -> str | None:
    """The manifest's ETag if the store has the same; None if they cannot be compared. Raises ImageRejected if they
    differ.

    For a local file only our own version tag is known; the manifest's ETag may come from the store that the file was
    copied from.
    """
    if record.etag is None or found.etag is None:
        return None
    if same_etag(record.etag, found.etag):
        return record.etag
    if Location.parse(record.uri).scheme == "file":
        return None
    raise _changed(f"its ETag is {found.etag}; the manifest says {record.etag}")


def _changed(detail: str) -> ImageRejected:
    return ImageRejected(RejectionReason.CHANGED, detail, retryable=True)


def needed_memory(data: bytes, *, max_pixels: int) -> int:
    """The approximate peak memory for the work on a file (B), from its header.

    An image with more than `max_pixels` is not decoded, so its pixels count as 0. Raises ImageRejected.
    """
    with one_image():
        width, height = read_size(data) or (0, 0)
        decoding = decode_bytes(data) if width * height <= max_pixels else 0
    return max(_BASE_BYTES + decoding, len(data) + finishing_memory(width * height if decoding else 0))


def finishing_memory(pixels: int) -> int:
    """The approximate memory for the work on a decoded photograph with this many pixels (B), including the
    photograph."""
    return _BASE_BYTES + BYTES_PER_PIXEL * pixels


def room_for(file: SourceFile, job: Job, memory: Memory) -> int:
    """The memory that a file needs (B). Raises ImageRejected if it is more than `memory` allows."""
    try:
        return memory.fitting(needed_memory(file.data, max_pixels=job.max_pixels))
    except ImageRejected as error:
        if not is_image(file.data):
            raise
        raise IdentifiedRejection(error, file.sha256) from error


def decoded(file: SourceFile, job: Job) -> Prepared:
    """The photograph in a file, fitted for the network. Raises IdentifiedRejection."""
    try:
        with one_image(), deadlines.within(job.image_seconds):
            photograph = decode(file.data, max_pixels=job.max_pixels)
            require_box(file.record.box, photograph)
            return fitted(file.record, photograph, job, sha256=file.sha256)
    except ImageRejected as error:
        if error.reason is RejectionReason.NOT_AN_IMAGE:  # not an image: its digest must not be revealed
            raise
        raise IdentifiedRejection(error, file.sha256) from error


def require_box(box: ProductBox | None, photograph: Photograph) -> None:
    """Raise ImageRejected if a photograph does not contain its whole box."""
    if box is not None and not box.is_inside(photograph.size):
        width, height = photograph.size
        raise ImageRejected(RejectionReason.BOX_OUTSIDE, f"{box} in an image of {width}×{height} px")


def fitted(record: ImageRecord, photograph: Photograph, job: Job, *, sha256: str = "") -> Prepared:
    """A decoded photograph, or what its box shows of it, fitted for the network; `sha256` is its content, if it comes
    from a file."""
    area = None if record.box is None else record.box.seen(photograph.size).area
    view = view_of(photograph, job.recipe.preprocessing, area)
    return Prepared(record=record, sha256=sha256, photograph=photograph, view=view)


def infer(network: Network, prepared: Sequence[Prepared], recipe: Recipe) -> list[Look]:
    """What the network says about each photograph: one model call, and another one if any product is small.

    Raises ImageRejected if a call fails; for a batch, the error does not tell which image caused it.
    """
    with one_image():
        return look_at(network.saliency, [one.view for one in prepared], recipe.preprocessing)


def require_sound(choice: ModelChoice, network: Network, pixels: Bytes | Floats) -> None:
    """Run the network on an empty image with the size of `pixels`. Raises ModelError if that fails too.

    On a GPU it raises TransientError instead: the GPU may be lost, and the next process may get it back.
    """
    try:
        with one_image():
            network.saliency([np.zeros_like(pixels)])
    except ImageRejected as error:
        kind = ModelError if choice.provider == "cpu" else TransientError
        raise kind(f"the network {choice.row.name!r} fails on every image: {error.detail}") from error


def stored_png(pixels: Bytes) -> bytes:
    """The PNG that is stored for a matte or a cutout, with our mark, so that it is never mistaken for a photograph."""
    return marked(encode_png(pixels), "mask" if pixels.ndim == 2 else "cutout")


def prepared_matte(prepared: Prepared, look: Look) -> Bytes:
    """The matte of the whole photograph, uint8 H×W. What is outside of its box, if it has one, is not the product."""
    matte, box = matte_of(look, prepared.photograph), prepared.record.box
    return matte if box is None else box.only(matte)


def finish(prepared: Prepared, look: Look, objects: ObjectBatch, job: Job) -> tuple[Mask, MaskMetrics]:
    """Make the matte at source size and the cutout, put both into `objects`, and measure the matte.

    Raises ImageRejected if the image cannot be cut out, StorageError if its files cannot be stored.
    """
    photograph, record = prepared.photograph, prepared.record
    with one_image(), deadlines.within(job.image_seconds):
        matte = prepared_matte(prepared, look)
        measured = measure_look(look, matte)  # while the caches of the processor have it
        pixels = cutout(photograph, matte)
        for one in (look.seen, photograph):
            one.forget_copies()
        mask_png, cutout_png = stored_png(matte), stored_png(pixels)
    digests = job.recipe.digests
    mask = Mask(
        image_id=record.image_id,
        uri=stored_uri(record.uri),
        etag=record.etag,
        bytes=record.bytes,
        sha256=prepared.sha256,
        matte_digest=digests.matte_digest,
        render_digest=digests.render_digest,
        width_px=photograph.size[0],
        height_px=photograph.size[1],
        mask=objects.put(mask_png, ".png"),
        cutout=objects.put(cutout_png, ".png"),
        notes=photograph.notes,
    )
    return mask, _metrics(mask, measured)


def _metrics(mask: Mask, measured: Measurements) -> MaskMetrics:
    return MaskMetrics(
        image_id=mask.image_id,
        sha256=mask.sha256,
        matte_digest=mask.matte_digest,
        render_digest=mask.render_digest,
        **{name: getattr(measured, name) for name in type(measured).__slots__},
    )
