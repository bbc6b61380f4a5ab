"""Ledgers made without a network: results of images that do not exist."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from cutouts.adapters.storage.store import Store
from cutouts.core.records import RecipeDigests
from cutouts.schemas.tables import MASKS, METRICS, REJECTIONS
from cutouts.steps.ledger import Results, known_identities, recall, record, times_rejected

RECIPE = RecipeDigests(matte_digest="a" * 16, render_digest="b" * 16)


def content(image: int) -> str:
    """The sha256 of an image that does not exist."""
    return hashlib.sha256(str(image).encode()).hexdigest()


def results(images: Iterable[int], rejected: Iterable[int] = ()) -> Results:
    """Results of some images, and rejections of others that a retry may cure."""
    masks = [_work(image) | {"width_px": 1, "height_px": 1, "mask": f"m{image}", "cutout": "c"} for image in images]
    about = {"stage": "prepare", "reason": "missing", "detail": "", "retryable": True}
    return Results(
        masks=pa.Table.from_pylist([row | {"notes": []} for row in masks], MASKS),
        metrics=pa.Table.from_pylist([_metrics(row) for row in masks], METRICS),
        rejections=pa.Table.from_pylist([_work(image) | about for image in rejected], REJECTIONS),
    )


def add(store: Store, *plans: int, rejected: int = 7) -> None:
    """Add a part per plan, with three images, the third one of the plan before, and a rejection."""
    for plan in plans:
        record(store, RECIPE, f"{plan:032x}", results(range(3 * plan - 1, 3 * plan + 3), [rejected]))


def said(store: Store, plans: int) -> object:
    """Everything that the ledger states about the images of the first plans: known, recalled and counted."""
    images = images_of(range(3 * plans))
    known = known_identities(store, RECIPE, images)
    found = recall(store, RECIPE, images)
    rejected = pa.table({"uri": ["s3://shop/7.jpg"]})
    return (
        sorted({*known.column("sha256").to_pylist()}),
        found.masks.select(["image_id", "sha256", "mask"]).to_pylist(),
        found.metrics.select(["image_id", "sha256", "coverage"]).to_pylist(),
        times_rejected(store, RECIPE, rejected),
    )


def images_of(numbers: Iterable[int]) -> pa.Table:
    """Images in the form that a plan knows."""
    names = ("image_id", "uri", "content", "sha256", "etag")
    schema = pa.schema([*((name, pa.string()) for name in names), ("bytes", pa.int64())])
    rows = [{"image_id": str(one), "uri": f"s3://shop/{one}.jpg", "content": content(one)} for one in numbers]
    return pa.Table.from_pylist([row | {"sha256": row["content"]} for row in rows], schema)


def _work(image: int) -> dict[str, object]:
    digests = {"matte_digest": RECIPE.matte_digest, "render_digest": RECIPE.render_digest}
    return {"image_id": str(image), "uri": f"s3://shop/{image}.jpg", "sha256": content(image), **digests}


def _metrics(row: dict[str, object]) -> dict[str, object]:
    shares = (
        "saliency_peak",
        "saliency_mean",
        "soft_inside",
        "frame_contact",
        "edge_alignment",
        "fringe",
        "thin",
        "islands",
    )
    doubts = ("saliency_doubt", "matte_doubt", "worst_doubt")
    return row | dict.fromkeys((*shares, *doubts), 0.5) | {"coverage": 0.25, "components": 1}
