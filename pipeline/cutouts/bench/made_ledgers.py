"""Makes synthetic ledgers and manifests, column by column, in any size that a bench needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.adapters.storage.parallel import in_parallel
from cutouts.adapters.storage.store import Store
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.schemas.tables import MANIFEST, MASKS, METRICS, REJECTIONS
from cutouts.steps.ledger import Results, record

DELIVERY = DeliveryKey(date=date(2026, 1, 5), delivery_id="bench")
_MEASURED = {
    "saliency_peak": 0.99,
    "saliency_mean": 0.4,
    "coverage": 0.4,
    "soft_inside": 0.01,
    "frame_contact": 0.0,
    "edge_alignment": 0.8,
    "fringe": 20.0,
    "saliency_doubt": 0.002,
    "matte_doubt": 0.002,
    "worst_doubt": 0.2,
    "islands": 0.0,
    "thin": 0.1,
    "holes": 0.0,
    "roughness": 0.05,
    "edges_outside": 0.0,
    "background_known": 1.0,
    "left_behind": 0.0,
    "taken_along": 0.0,
    "filled_holes": 0.0,
    "shadow": 0.0,
}
"""Measurements that pass the gate."""


def manifest(numbers: NDArray[np.int64], *, changed: int = 0) -> pa.Table:
    """A delivery of the images with these numbers; the first `changed` of them have other bytes than before."""
    names = _names(numbers)
    contents = numbers.copy()
    contents[:changed] += _CHANGED
    count = len(numbers)
    columns = {
        "image_id": names,
        "product_id": names,
        "delivery_id": pa.repeat(pa.scalar(DELIVERY.delivery_id, pa.string()), count),
        "uri": _uris(names),
        "sha256": _digests(contents, 1),
        "bytes": pa.array(np.full(count, 2_000_000)),
    }
    rest = {field.name: pa.nulls(count, field.type) for field in MANIFEST if field.name not in columns}
    return pa.table({name: (columns | rest)[name] for name in MANIFEST.names}).cast(MANIFEST)


def results(numbers: NDArray[np.int64], recipe: RecipeDigests, *, changed: bool = False) -> Results:
    """The results of the images with these numbers; with `changed`, those of their changed bytes."""
    contents = numbers + _CHANGED if changed else numbers
    count, names = len(numbers), _names(numbers)
    work = {
        "image_id": names,
        "uri": _uris(names),
        "etag": pa.nulls(count, pa.string()),
        "bytes": pa.array(np.full(count, 2_000_000)),
        "sha256": _digests(contents, 1),
        "matte_digest": pa.repeat(pa.scalar(recipe.matte_digest, pa.string()), count),
        "render_digest": pa.repeat(pa.scalar(recipe.render_digest, pa.string()), count),
        "width_px": pa.array(np.full(count, 2_000, np.int32)),
        "height_px": pa.array(np.full(count, 2_000, np.int32)),
        "mask": _objects(contents, 2),
        "cutout": _objects(contents, 3),
        "notes": pa.array([[]] * count, pa.list_(pa.string())),
        "components": pa.array(np.ones(count, np.int32)),
        **{name: pa.array(np.full(count, value, np.float32)) for name, value in _MEASURED.items()},
    }
    made = {name: pa.table([work[one] for one in schema.names], schema=schema) for name, schema in _SCHEMAS.items()}
    return Results(**made, rejections=REJECTIONS.empty_table())


def write_parts(
    tables: Store, recipe: RecipeDigests, *, parts: int, images: int, tell: Callable[[int], None] = lambda _: None
) -> None:
    """Write a ledger of `parts` parts with `images` images each, as that many plans would leave it. `tell` is called
    with the number of finished parts."""

    def write(part: int) -> None:
        numbers = np.arange(part * images, (part + 1) * images)
        record(tables, recipe, f"{part:032x}", results(numbers, recipe))

    for done, _ in enumerate(in_parallel(write, range(parts)), start=1):
        tell(done)


_CHANGED = 1 << 40
_SCHEMAS = {"masks": MASKS, "metrics": METRICS}


def _names(numbers: NDArray[np.int64]) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise("sku-", digits, ".jpg", "")


def _uris(names: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise("s3://shop/photos/2026/", names, "")


def _objects(numbers: NDArray[np.int64], salt: int) -> pa.Array:
    digests = _digests(numbers, salt)
    return pc.binary_join_element_wise(pc.utf8_slice_codeunits(digests, 0, 2), "/", digests, ".png", "")


def _digests(numbers: NDArray[np.int64], salt: int) -> pa.Array:
    """64 pseudorandom hexadecimal digits per number, like those of a SHA-256 (splitmix64, Steele 2014)."""
    words = np.arange(4, dtype=np.uint64) + np.uint64(salt * 8)
    state: NDArray[np.uint64] = np.add.outer(numbers.astype(np.uint64) * np.uint64(64), words)
    state *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= np.right_shift(state, np.uint64(shift))
        state *= np.uint64(factor)
    state ^= np.right_shift(state, np.uint64(31))
    text = state.tobytes().hex().encode()
    offsets = np.arange(0, len(text) + 1, 64, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))
