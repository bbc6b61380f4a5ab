"""Records and reads what people said about single images."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cutouts.adapters.catalog.sql_tables import image_reviews, publications, taken_back
from cutouts.adapters.catalog.utc_moments import after
from cutouts.core.records import RecipeDigests
from cutouts.core.reviews import ImageReview

_BATCH = 1_000


def record(connection: sa.Connection, reviews: Iterable[ImageReview]) -> None:
    """Add the reviews; earlier ones of the same images are kept, but no longer count.

    A review is later than every order that took images of its delivery back, although another machine's clock may
    have been ahead when that order was given.
    """
    rows = [row_of(one) for one in reviews]
    taken = {one: newest_order(connection, one) for one in {row["delivery_id"] for row in rows}}
    rows = [row | {"at": after(row["at"], taken[row["delivery_id"]])} for row in rows]
    for begin in range(0, len(rows), _BATCH):
        connection.execute(sa.insert(image_reviews), rows[begin : begin + _BATCH])


def newest_order(connection: sa.Connection, delivery_id: str) -> datetime | None:
    """When images of a delivery id were last taken back; None if none are."""
    taken = publications.c.publication_id == taken_back.c.publication_id, taken_back.c.delivery_id == delivery_id
    at: datetime | None = connection.scalar(sa.select(sa.func.max(publications.c.at)).where(*taken))
    return at


def newest_review(connection: sa.Connection, delivery_id: str) -> datetime | None:
    """When images of a delivery id were last reviewed; None if they never were."""
    its = image_reviews.c.delivery_id == delivery_id
    at: datetime | None = connection.scalar(sa.select(sa.func.max(image_reviews.c.at)).where(its))
    return at


def newest(connection: sa.Connection, *, delivery_id: str | None) -> tuple[ImageReview, ...]:
    """The newest review of each version of an image, in the order in which they were given; of one delivery id if
    given."""
    chosen = sa.select(image_reviews).order_by(image_reviews.c.review_id)
    if delivery_id is not None:
        chosen = chosen.where(image_reviews.c.delivery_id == delivery_id)
    found: dict[tuple[object, ...], ImageReview] = {}
    for row in connection.execute(chosen):
        review = review_of(row)
        key = (review.delivery_id, review.image_id, review.sha256, review.recipe)
        found.pop(key, None)
        found[key] = review
    return tuple(found.values())


def row_of(review: ImageReview) -> dict[str, Any]:
    """The row of `image_reviews` for a record."""
    return {
        "delivery_id": review.delivery_id,
        "image_id": review.image_id,
        "sha256": review.sha256,
        "matte_digest": review.recipe.matte_digest,
        "render_digest": review.recipe.render_digest,
        "good": review.good,
        "gate_id": review.gate_id,
        "reviewed_by": review.by,
        "why": review.why,
        "at": review.at,
    }


def review_of(row: sa.Row[Any]) -> ImageReview:
    """The record of a row of `image_reviews`."""
    return ImageReview(
        delivery_id=row.delivery_id,
        image_id=row.image_id,
        sha256=row.sha256,
        recipe=RecipeDigests(matte_digest=row.matte_digest, render_digest=row.render_digest),
        good=row.good,
        gate_id=row.gate_id,
        by=row.reviewed_by,
        why=row.why,
        at=row.at,
    )
