"""Reads the live images, on a connection that the caller opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog.copying import read_columns
from cutouts.adapters.catalog.sql_tables import cutouts, publications
from cutouts.core.publications import CatalogEntry
from cutouts.core.records import DeliveryKey, RecipeDigests

PUBLISHED = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("matte_digest", pa.string(), nullable=False),
        pa.field("render_digest", pa.string(), nullable=False),
        pa.field("delivery_date", pa.date32(), nullable=False),
    ]
)
"""The live images of one delivery: content, recipe, and the last day on which exactly this was delivered."""


LIVE = pa.schema(
    [
        *PUBLISHED,
        pa.field("delivery_id", pa.string(), nullable=False),
        pa.field("mask", pa.string(), nullable=False),
        pa.field("cutout", pa.string(), nullable=False),
    ]
)
"""The live images of all deliveries, with the names of their objects."""

_NAMED = 500
"""Images that one query names."""


def published(connection: sa.Connection, delivery_id: str) -> pa.Table:
    """`PUBLISHED`, one row per live image of the delivery id, in no particular order."""
    return _columns(connection, PUBLISHED, cutouts.c.delivery_id == delivery_id)


def live(connection: sa.Connection) -> pa.Table:
    """`LIVE`, one row per live image, in no particular order."""
    return _columns(connection, LIVE)


def _columns(connection: sa.Connection, schema: pa.Schema, *where: sa.ColumnElement[bool]) -> pa.Table:
    return read_columns(connection, sa.select(*(cutouts.c[name] for name in schema.names)).where(*where), schema)


def live_contents(connection: sa.Connection, delivery_id: str, image_ids: Sequence[str]) -> set[tuple[str, str]]:
    """The id and sha256 of those of these images of the delivery id that are live."""
    chosen = sa.select(cutouts.c.image_id, cutouts.c.sha256).where(cutouts.c.delivery_id == delivery_id)
    found: set[tuple[str, str]] = set()
    for begin in range(0, len(image_ids), _NAMED):
        some = chosen.where(cutouts.c.image_id.in_(image_ids[begin : begin + _NAMED]))
        found.update((row.image_id, row.sha256) for row in connection.execute(some))
    return found


def brought_back(connection: sa.Connection, delivery: DeliveryKey) -> set[str]:
    """The ids of live images that a rollback brought back when it undid a full delivery of that day or a later one."""
    undid = publications.c.undone_by == cutouts.c.since, publications.c.is_full
    undone = sa.exists().where(*undid, publications.c.delivery_date >= delivery.date).correlate(cutouts)
    chosen = sa.select(cutouts.c.image_id).where(cutouts.c.delivery_id == delivery.delivery_id, undone)
    return {*connection.scalars(chosen)}


def version(connection: sa.Connection, delivery_id: str) -> int:
    """The newest publication that changed the live images of the delivery id; 0 before the first."""
    changed = sa.or_(*(publications.c[name] > 0 for name in ("published", "moved", "withdrawn")))
    newest = sa.select(sa.func.max(publications.c.publication_id))
    return connection.scalar(newest.where(publications.c.delivery_id == delivery_id, changed)) or 0


def live_images(
    connection: sa.Connection, named: str, delivery_id: str | None, at_most: int
) -> tuple[tuple[CatalogEntry, int], ...]:
    """The live images with that image id or product id (in one delivery id, if given), each with its publication id."""
    where = [sa.or_(cutouts.c.image_id == named, cutouts.c.product_id == named)]
    if delivery_id is not None:
        where.append(cutouts.c.delivery_id == delivery_id)
    order = (cutouts.c.delivery_date.desc(), cutouts.c.delivery_id, cutouts.c.image_id)
    rows = connection.execute(sa.select(cutouts).where(*where).order_by(*order).limit(at_most)).all()
    return tuple((_entry(row), row.publication_id) for row in rows)


def _entry(row: sa.Row[Any]) -> CatalogEntry:
    return CatalogEntry(
        image_id=row.image_id,
        product_id=row.product_id,
        delivery=DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id),
        cutout=row.cutout,
        mask=row.mask,
        sha256=row.sha256,
        recipe=RecipeDigests(matte_digest=row.matte_digest, render_digest=row.render_digest),
        width_px=row.width_px,
        height_px=row.height_px,
    )


def deliveries_not_made_by(connection: sa.Connection, recipe: RecipeDigests) -> tuple[DeliveryKey, ...]:
    """The deliveries with live images from another recipe, the oldest first."""
    other = sa.or_(cutouts.c.matte_digest != recipe.matte_digest, cutouts.c.render_digest != recipe.render_digest)
    chosen = sa.select(cutouts.c.delivery_date, cutouts.c.delivery_id).where(other).distinct()
    rows = connection.execute(chosen.order_by(cutouts.c.delivery_date, cutouts.c.delivery_id)).all()
    return tuple(DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id) for row in rows)
