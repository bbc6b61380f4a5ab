"""Reads publications and decisions, on a connection that the caller opened."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from cutouts.adapters.catalog.held import approval, by_the_gate, hold_of, rejection_of
from cutouts.adapters.catalog.sql_tables import hold_rejections, holds, publications, taken_back
from cutouts.core.publications import (
    Hold,
    HoldRejection,
    Publication,
    PublicationKind,
    TakenBack,
)
from cutouts.core.records import DeliveryKey

T = TypeVar("T")


def overtaken(connection: sa.Connection, delivery: DeliveryKey, against: int, plan_id: str) -> bool:
    """Whether the delivery was published, from another plan than `plan_id`, after version `against`."""
    other = sa.and_(
        publications.c.delivery_id == delivery.delivery_id,
        publications.c.delivery_date == delivery.date,
        publications.c.publication_id > against,
        publications.c.published > 0,
        publications.c.plan_id != plan_id,
        by_the_gate(),
    )
    return bool(connection.scalar(sa.select(sa.exists().where(other))))


def full_since(connection: sa.Connection, delivery_id: str) -> date | None:
    """The newest day of a full publication of the delivery id, None if there is none. Undone ones do not count."""
    day: date | None = connection.scalar(
        sa.select(sa.func.max(publications.c.delivery_date)).where(
            publications.c.delivery_id == delivery_id, publications.c.is_full, publications.c.undone_by.is_(None)
        )
    )
    return day


def taken_back_of(connection: sa.Connection, delivery_id: str) -> tuple[TakenBack, ...]:
    """The image versions of the delivery id that a person took back."""
    chosen = (
        sa.select(taken_back, *(publications.c[name] for name in ("kind", "made_by", "because", "delivery_date", "at")))
        .join(publications, publications.c.publication_id == taken_back.c.publication_id)
        .where(taken_back.c.delivery_id == delivery_id)
        .order_by(taken_back.c.publication_id, taken_back.c.image_id)
    )
    return tuple(
        TakenBack(
            image_id=row.image_id,
            sha256=row.sha256,
            matte_digest=row.matte_digest,
            render_digest=row.render_digest,
            publication_id=row.publication_id,
            day=row.delivery_date,
            kind=PublicationKind(row.kind),
            by=row.made_by,
            because=row.because,
            at=row.at,
        )
        for row in connection.execute(chosen)
    )


def publication(connection: sa.Connection, gate_id: str) -> Publication | None:
    """The publication of that gate decision, None if there is none yet."""
    row = connection.execute(sa.select(publications).where(publications.c.gate_id == gate_id)).one_or_none()
    return None if row is None else publication_of(connection, row)


def unannounced(
    connection: sa.Connection, *, before: datetime | None, delivery: DeliveryKey | None
) -> tuple[Publication, ...]:
    """Publications that changed something and were not announced, the oldest first.

    If given, only those made `before` a moment (aware), and only those of one `delivery`.
    """
    changed = sa.or_(publications.c.published > 0, publications.c.withdrawn > 0)
    pending = [publications.c.announced_at.is_(None), changed]
    if before is not None:
        pending.append(publications.c.at < before)
    if delivery is not None:
        pending += [
            publications.c.delivery_id == delivery.delivery_id,
            publications.c.delivery_date == delivery.date,
        ]
    rows = connection.execute(sa.select(publications).where(*pending).order_by(publications.c.publication_id)).all()
    return tuple(publication_of(connection, row) for row in rows)


def decisions_on(
    connection: sa.Connection, delivery_id: str, day: date | None, also: int | None, at_most: int
) -> tuple[Publication | Hold, ...]:
    """The publications and holds of a delivery id, if given only of one `day`, the newest first, at most `at_most`; and
    the publication of the number `also`, however old it is."""

    def its(table: sa.Table) -> sa.Select[Any]:
        mine = table.c.delivery_id == delivery_id, *([] if day is None else [table.c.delivery_date == day])
        return sa.select(table).where(*mine).order_by(table.c.at.desc()).limit(at_most)

    published = {row.publication_id: row for row in connection.execute(its(publications))}
    if also is not None:
        one = sa.select(publications).where(publications.c.publication_id == also)
        published |= {row.publication_id: row for row in connection.execute(one)}
    found = [publication_of(connection, row) for row in published.values()]
    both: list[Publication | Hold] = [*found, *map(hold_of, connection.execute(its(holds)))]
    newest = sorted(both, key=lambda one: one.at, reverse=True)[:at_most]
    return (*newest, *(one for one in found if one.publication_id == also and one not in newest))


def gates_on(connection: sa.Connection, delivery: DeliveryKey) -> tuple[str, ...]:
    """The ids of the gate's decisions that published the delivery or held it, the oldest first."""

    def its(table: sa.Table) -> sa.Select[tuple[str, datetime]]:
        mine = table.c.delivery_id == delivery.delivery_id, table.c.delivery_date == delivery.date
        return sa.select(table.c.gate_id, table.c.at).where(*mine)

    both = sa.union_all(its(publications).where(by_the_gate()), its(holds)).subquery()
    return tuple(connection.scalars(sa.select(both.c.gate_id).order_by(both.c.at, both.c.gate_id)))


def gates_since(connection: sa.Connection, at: datetime) -> tuple[str, ...]:
    """The ids of the gate's decisions that were published after a moment and that no person released, the oldest
    first."""
    chosen = sa.select(publications.c.gate_id).where(
        publications.c.at > at,
        by_the_gate(),
        publications.c.approval_gate_id.is_(None),
        publications.c.made_by.is_(None),
        publications.c.undone_by.is_(None),
    )
    return tuple(connection.scalars(chosen.order_by(publications.c.publication_id)))


def last_publications(connection: sa.Connection, at_most: int) -> tuple[Publication, ...]:
    """The newest publications that made images live, the newest first, at most `at_most`."""
    chosen = sa.select(publications).where(publications.c.published > 0)
    rows = connection.execute(chosen.order_by(publications.c.publication_id.desc()).limit(at_most)).all()
    return tuple(publication_of(connection, row) for row in rows)


def settled(connection: sa.Connection, at_most: int, skip: int) -> tuple[tuple[Publication | HoldRejection, ...], int]:
    """Publications of the gate and rejections of holds, the newest first, and the number of all of them."""
    published = sa.select(publications.c.gate_id, publications.c.at, sa.true().label("published")).where(by_the_gate())
    rejected = sa.select(hold_rejections.c.gate_id, hold_rejections.c.at, sa.false().label("published"))
    both = sa.union_all(published, rejected).subquery()
    total = connection.scalar(sa.select(sa.func.count()).select_from(both)) or 0
    newest = sa.select(both).order_by(both.c.at.desc(), both.c.gate_id).limit(at_most).offset(skip)
    found: list[Publication | HoldRejection | None] = [
        publication(connection, row.gate_id) if row.published else rejection_of(connection, row.gate_id)
        for row in connection.execute(newest).all()
    ]
    return tuple(one for one in found if one is not None), total


def publication_of(connection: sa.Connection, row: sa.Row[Any]) -> Publication:
    """The record of a row of `publications`."""
    approved = None
    if row.approval_gate_id is not None:
        approved = approval(connection, row.approval_gate_id)
    return Publication(
        publication_id=row.publication_id,
        gate_id=row.gate_id,
        plan_id=row.plan_id,
        delivery=DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id),
        at=row.at,
        published=row.published,
        confirmed=row.confirmed,
        superseded=row.superseded,
        approval=approved,
        withdrawn=row.withdrawn,
        kind=PublicationKind(row.kind),
        by=approved.by if approved else row.made_by,
        because=approved.why if approved else row.because,
        back_to=row.back_to,
        undone_by=row.undone_by,
    )


def found(value: T | None) -> T:
    """The value of a row that must exist."""
    assert value is not None
    return value
