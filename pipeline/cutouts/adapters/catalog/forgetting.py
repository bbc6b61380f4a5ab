"""Deletes images from a catalogue's history, and finds all their versions."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog.clearing import journal_again
from cutouts.adapters.catalog.orders import selected
from cutouts.adapters.catalog.sql_tables import (
    cutouts,
    holds,
    image_reviews,
    past_cutouts,
    products,
    publications,
    renditions,
    taken_back,
)
from cutouts.core.publications import Selection

KEPT = pa.schema([(name, pa.string()) for name in ("delivery_id", "image_id", "sha256", "mask", "cutout")])
"""The columns of an image's version."""


def versions(connection: sa.Connection, selection: Selection, *, others: bool) -> pa.Table:
    """Every selected version, live or past, as `KEPT`; with `others`, every version that is not selected."""
    parts = []
    for table in (cutouts, past_cutouts):
        meant = selected(table, selection)
        chosen = sa.select(*(table.c[name] for name in KEPT.names)).where(~meant if others else meant)
        parts.append(chosen)
    rows = connection.execute(sa.union_all(*parts)).all()
    return pa.Table.from_pylist([dict(zip(KEPT.names, row, strict=True)) for row in rows], KEPT)


def purge_reviews(connection: sa.Connection, images: Iterable[tuple[str, str]]) -> None:
    """Delete what people said about these images (delivery id, image id), which may never have been live."""
    for delivery_id, image_id in images:
        its = image_reviews.c.delivery_id == delivery_id, image_reviews.c.image_id == image_id
        same = image_reviews.c.gate_id.in_(sa.select(image_reviews.c.gate_id).where(*its).scalar_subquery())
        connection.execute(sa.update(image_reviews).where(same).values(journalled=0))
        connection.execute(sa.delete(image_reviews).where(*its))


def purge_renditions(connection: sa.Connection, images: Iterable[tuple[str, str]]) -> None:
    """Delete the rows of the renditions of these images (delivery id, image id)."""
    for delivery_id, image_id in images:
        its = renditions.c.delivery_id == delivery_id, renditions.c.image_id == image_id
        connection.execute(sa.delete(renditions).where(*its))


def purge(connection: sa.Connection, selection: Selection, alias: str) -> int:
    """Delete the past versions of the selected images and return how many.

    If only a delivery id is selected, it is replaced by `alias`. Publications, holds and approvals are kept, because
    other rows and other programs refer to them.
    """
    keys = sa.select(past_cutouts.c.delivery_id, past_cutouts.c.image_id).where(selected(past_cutouts, selection))
    found = connection.execute(keys.distinct()).all()
    for delivery_id in sorted({delivery_id for delivery_id, _ in found}):
        journal_again(connection, publications.c.delivery_id == delivery_id)
    for delivery_id, image_id in found:
        its = taken_back.c.delivery_id == delivery_id, taken_back.c.image_id == image_id
        connection.execute(sa.delete(taken_back).where(*its))
    gone = connection.execute(sa.delete(past_cutouts).where(selected(past_cutouts, selection))).rowcount
    used = sa.union(sa.select(cutouts.c.product_id), sa.select(past_cutouts.c.product_id))
    connection.execute(sa.delete(products).where(products.c.product_id.not_in(used)))
    if list(selection.given) == ["delivery_id"]:
        for table in (publications, holds):
            renamed = sa.update(table).where(table.c.delivery_id == selection.delivery_id)
            connection.execute(renamed.values(delivery_id=alias, changed=table.c.changed + 1))
    return gone
