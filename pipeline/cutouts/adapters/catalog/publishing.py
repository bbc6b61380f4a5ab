"""Changes the catalogue: entries are staged first, then one transaction makes them live with set operations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cutouts.adapters.catalog.copying import copy_in
from cutouts.adapters.catalog.live_images import version
from cutouts.adapters.catalog.reading import full_since
from cutouts.adapters.catalog.sql_tables import (
    cutouts,
    leaving,
    past_cutouts,
    products,
    publications,
    staged,
)
from cutouts.core.errors import OvertakenError
from cutouts.core.publications import CatalogEntry, Draft
from cutouts.core.records import DeliveryKey

ENTRIES = pa.schema(
    [
        pa.field(column.name, pa.int32() if isinstance(column.type, sa.Integer) else pa.string(), nullable=False)
        for column in staged.columns
    ]
)
"""The columns that a record batch of entries must have, as in `cutouts.schemas.tables.OUTCOMES` and `MASKS`."""

_BATCH = 5_000
"""Rows that are sent to the database at a time."""


def stage(
    connection: sa.Connection,
    entries: Iterable[CatalogEntry] | Iterable[pa.RecordBatch],
    delivery: DeliveryKey,
    withdraw: Iterable[str] = (),
) -> None:
    """Write the entries of `delivery`, and the ids of images to `withdraw`, to temporary tables of this connection.

    Nobody else sees them or waits for them. Each image may occur once. Raises ValueError for an entry of another
    delivery.
    """
    with connection.begin():
        staged.create(connection)
        leaving.create(connection)
        batches = _batches(entries, delivery)
        if connection.dialect.name == "postgresql":
            copy_in(connection, staged, batches)
        else:
            for batch in batches:
                connection.execute(sa.insert(staged), batch.to_pylist())
        ids = iter(withdraw)
        while batch := [{"image_id": one} for one in islice(ids, _BATCH)]:
            connection.execute(sa.insert(leaving), batch)


def take_over(connection: sa.Connection, draft: Draft, approving: str | None) -> None:
    """Make the staged entries live as one publication; `approving` is the gate whose approved hold permits it.

    Replaced and withdrawn versions are kept in `past_cutouts`. The caller's transaction must hold the lock of the
    delivery id.
    """
    delivery, order = draft.delivery, draft.order
    _see_products(connection, delivery.date)
    row = {
        "gate_id": draft.gate_id,
        "plan_id": draft.plan_id,
        "delivery_id": delivery.delivery_id,
        "delivery_date": delivery.date,
        "at": draft.at,
        "approval_gate_id": approving,
        "made_by": order and order.by,
        "because": order and order.because,
        "is_full": draft.withdraw is not None,
        "is_partial": draft.partial,
        # These count what they change, so their order matters
        "superseded": _drop_superseded(connection, delivery),
        "moved": _move_day(connection, delivery),
        "confirmed": _drop_unchanged(connection, delivery),
        "published": connection.scalar(sa.select(sa.func.count()).select_from(staged)),
        "withdrawn": _drop_staying(connection, delivery),
    }
    inserted = connection.execute(sa.insert(publications).values(row).returning(publications.c.publication_id))
    publication_id = inserted.scalar_one()
    connection.execute(sa.insert(leaving).from_select(["image_id"], sa.select(staged.c.image_id)))
    end_leaving(connection, delivery.delivery_id, publication_id)
    _insert_staged(connection, delivery, publication_id)


def end_leaving(connection: sa.Connection, delivery_id: str, publication_id: int) -> None:
    """Move the live versions of the images in `leaving` to `past_cutouts`."""
    ended = _leaving(delivery_id)
    names = past_cutouts.columns.keys()
    columns = [sa.literal(publication_id, sa.Integer) if name == "until" else cutouts.c[name] for name in names]
    connection.execute(sa.insert(past_cutouts).from_select(names, sa.select(*columns).where(ended)))
    connection.execute(sa.delete(cutouts).where(ended))


def _leaving(delivery_id: str) -> sa.ColumnElement[bool]:
    """The condition for the live versions of the images in `leaving`."""
    return sa.and_(cutouts.c.delivery_id == delivery_id, cutouts.c.image_id.in_(sa.select(leaving.c.image_id)))


def _drop_staying(connection: sa.Connection, delivery: DeliveryKey) -> int:
    """Keep in `leaving` only images that are live and were not delivered on a later day. Returns how many.

    If a later day was delivered in full, none leaves.
    """
    if _is_replaced(connection, delivery):
        connection.execute(sa.delete(leaving))
        return 0
    older = sa.exists().where(
        cutouts.c.delivery_id == delivery.delivery_id,
        cutouts.c.image_id == leaving.c.image_id,
        cutouts.c.delivery_date <= delivery.date,
    )
    connection.execute(sa.delete(leaving).where(~older))
    return connection.scalar(sa.select(sa.func.count()).select_from(leaving)) or 0


def require_version(connection: sa.Connection, delivery: DeliveryKey, against: int | None) -> None:
    """Raise OvertakenError if the `version` of the delivery id is not `against` any more. None accepts any version."""
    now = version(connection, delivery.delivery_id)
    if against is not None and now != against:
        raise OvertakenError(f"{delivery}: publication {now} came after this decision, which was made at {against}")


def mark_announced(connection: sa.Connection, publication_ids: Collection[int], at: datetime) -> None:
    """Record when publications were announced. If one was announced before, its first moment is kept."""
    told = publications.c.publication_id.in_(list(publication_ids)), publications.c.announced_at.is_(None)
    connection.execute(sa.update(publications).where(*told).values(announced_at=at, changed=publications.c.changed + 1))


def mark_changed(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> None:
    """Count a change of these rows of `publications` or `holds`, so that they are written to the journal again."""
    connection.execute(sa.update(table).where(*where).values(changed=table.c.changed + 1))


def _batches(
    entries: Iterable[CatalogEntry] | Iterable[pa.RecordBatch], delivery: DeliveryKey
) -> Iterator[pa.RecordBatch]:
    """The entries as non-empty batches with the columns of `ENTRIES`. Raises ValueError as in `stage`."""
    one_by_one: list[dict[str, Any]] = []
    for entry in entries:
        if isinstance(entry, pa.RecordBatch):
            if entry.num_rows:
                yield entry.select(ENTRIES.names)
        elif entry.delivery == delivery:
            one_by_one.append(_row(entry))
        else:
            raise ValueError(f"{entry.image_id} belongs to {entry.delivery}, not to {delivery}")
    for begin in range(0, len(one_by_one), _BATCH):
        yield pa.RecordBatch.from_pylist(one_by_one[begin : begin + _BATCH], ENTRIES)


def _row(entry: CatalogEntry) -> dict[str, Any]:
    return {
        "image_id": entry.image_id,
        "product_id": entry.product_id,
        "sha256": entry.sha256,
        "matte_digest": entry.recipe.matte_digest,
        "render_digest": entry.recipe.render_digest,
        "mask": entry.mask,
        "cutout": entry.cutout,
        "width_px": entry.width_px,
        "height_px": entry.height_px,
    }


def _see_products(connection: sa.Connection, day: date) -> None:
    # Most products were seen before, so only the others are written. They are sorted by key, to avoid deadlocks with
    # publications of other deliveries that have the same articles.
    known = sa.exists().where(
        products.c.product_id == staged.c.product_id, products.c.first_seen <= day, products.c.last_seen >= day
    )
    seen = (
        sa.select(staged.c.product_id, sa.literal(day, sa.Date), sa.literal(day, sa.Date))
        .distinct()
        .where(staged.c.product_id.is_not(None), ~known.correlate(staged))
        .order_by(staged.c.product_id)
    )
    statement = _insert(connection, products).from_select(["product_id", "first_seen", "last_seen"], seen)
    old, new = products.c, statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=["product_id"],
        set_={
            "first_seen": sa.case((new.first_seen < old.first_seen, new.first_seen), else_=old.first_seen),
            "last_seen": sa.case((new.last_seen > old.last_seen, new.last_seen), else_=old.last_seen),
        },
        where=sa.or_(new.first_seen < old.first_seen, new.last_seen > old.last_seen),
    )
    connection.execute(upsert)


def _live(delivery: DeliveryKey) -> sa.ColumnElement[bool]:
    """The condition that joins a staged row with its live row."""
    return sa.and_(cutouts.c.delivery_id == delivery.delivery_id, cutouts.c.image_id == staged.c.image_id)


def _drop_superseded(connection: sa.Connection, delivery: DeliveryKey) -> int:
    if _is_replaced(connection, delivery):
        return connection.execute(sa.delete(staged)).rowcount
    newer = sa.exists().where(_live(delivery), cutouts.c.delivery_date > delivery.date)
    return connection.execute(sa.delete(staged).where(newer)).rowcount


def _is_replaced(connection: sa.Connection, delivery: DeliveryKey) -> bool:
    """Whether a full delivery of a later day supersedes all of a delivery."""
    full = full_since(connection, delivery.delivery_id)
    return full is not None and full > delivery.date


def _unchanged(delivery: DeliveryKey) -> sa.Exists:
    """Whether a staged row is already live without any difference."""
    same = sa.and_(*(cutouts.c[column.name] == column for column in staged.columns if column.name != "image_id"))
    return sa.exists().where(_live(delivery), same)


def _move_day(connection: sa.Connection, delivery: DeliveryKey) -> int:
    """Move the day of unchanged, redelivered images forward, so that an older delivery does not replace them later.

    Returns how many were moved.
    """
    again = cutouts.c.image_id.in_(sa.select(staged.c.image_id).where(_unchanged(delivery).correlate(staged)))
    earlier = sa.and_(cutouts.c.delivery_id == delivery.delivery_id, cutouts.c.delivery_date < delivery.date)
    return connection.execute(sa.update(cutouts).where(earlier, again).values(delivery_date=delivery.date)).rowcount


def _drop_unchanged(connection: sa.Connection, delivery: DeliveryKey) -> int:
    return connection.execute(sa.delete(staged).where(_unchanged(delivery))).rowcount


def _insert_staged(connection: sa.Connection, delivery: DeliveryKey, publication_id: int) -> None:
    constants = {
        "delivery_id": sa.literal(delivery.delivery_id, sa.Text),
        "delivery_date": sa.literal(delivery.date, sa.Date),
        "publication_id": sa.literal(publication_id, sa.Integer),
        "since": sa.literal(publication_id, sa.Integer),
    }
    chosen = sa.select(*staged.columns, *constants.values())
    connection.execute(sa.insert(cutouts).from_select([*staged.columns.keys(), *constants], chosen))


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that supports ON CONFLICT. Its SELECT needs a WHERE, because SQLite would read ON as part of a join."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
