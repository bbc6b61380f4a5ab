"""Reads publications, holds, approvals and rejections, on a connection that the caller opened."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from cutouts.adapters.catalog.sql_tables import approvals, hold_rejections, holds, publications, taken_back
from cutouts.core.publications import (
    Approval,
    Hold,
    HoldRejection,
    Publication,
    PublicationKind,
    TakenBack,
)
from cutouts.core.records import DeliveryKey


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


def by_the_gate() -> sa.ColumnElement[bool]:
    """The condition for publications from a decision of the gate, not from a person's order."""
    return publications.c.kind == str(PublicationKind.PUBLISH)


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
    both: list[Publication | Hold] = [*found, *map(_hold, connection.execute(its(holds)))]
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


def approval(connection: sa.Connection, gate_id: str) -> Approval | None:
    """The approval of the hold of that gate, None if there is none."""
    return _approval(connection, approvals.c.gate_id == gate_id)


def approval_for(connection: sa.Connection, judged: str) -> Approval | None:
    """The first approval of exactly that content, recipe and suite, of any gate decision. None if there is none."""
    return _approval(connection, holds.c.judged == judged)


def waiting_holds(connection: sa.Connection, named: str) -> tuple[Hold, ...]:
    """The waiting holds with a gate id, a delivery id, or a delivery key as text, the oldest first.

    Only the newest of several with the same content (`judged`) is returned, because one approval releases them all.
    """
    return _newest_of_each(connection, sa.or_(holds.c.gate_id == named, _names(named)), waiting())


def word_about(connection: sa.Connection, named: str) -> Approval | HoldRejection | None:
    """What a person decided about the newest hold with that name, as in `waiting_holds`; None if nobody did."""
    chosen = sa.select(holds.c.judged).where(sa.or_(holds.c.gate_id == named, _names(named)))
    judged = connection.scalar(chosen.order_by(holds.c.at.desc()).limit(1))
    return None if judged is None else approval_for(connection, judged) or rejection_for(connection, judged)


def _newest_of_each(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> tuple[Hold, ...]:
    """The holds, the oldest first; only the newest of several with the same content."""
    chosen = sa.select(holds).where(*where).order_by(holds.c.at, holds.c.delivery_date, holds.c.gate_id)
    newest: dict[str, Hold] = {}
    for row in connection.execute(chosen):
        newest.pop(row.judged, None)
        newest[row.judged] = _hold(row)
    return tuple(newest.values())


def all_waiting_holds(connection: sa.Connection) -> tuple[Hold, ...]:
    """Every waiting hold, the oldest first; only the newest of several with the same content."""
    return _newest_of_each(connection, waiting())


def settled(connection: sa.Connection, at_most: int, skip: int) -> tuple[tuple[Publication | HoldRejection, ...], int]:
    """Publications of the gate and rejections of holds, the newest first, and the number of all of them."""
    published = sa.select(publications.c.gate_id, publications.c.at, sa.true().label("published")).where(by_the_gate())
    rejected = sa.select(hold_rejections.c.gate_id, hold_rejections.c.at, sa.false().label("published"))
    both = sa.union_all(published, rejected).subquery()
    total = connection.scalar(sa.select(sa.func.count()).select_from(both)) or 0
    newest = sa.select(both).order_by(both.c.at.desc(), both.c.gate_id).limit(at_most).offset(skip)
    found: list[Publication | HoldRejection | None] = [
        publication(connection, row.gate_id)
        if row.published
        else _rejection(connection, hold_rejections.c.gate_id == row.gate_id)
        for row in connection.execute(newest).all()
    ]
    return tuple(one for one in found if one is not None), total


def rejection_for(connection: sa.Connection, judged: str) -> HoldRejection | None:
    """The rejection of exactly that content, recipe and suite, of any gate decision. None if there is none."""
    return _rejection(connection, holds.c.judged == judged)


def _rejection(connection: sa.Connection, where: sa.ColumnElement[bool]) -> HoldRejection | None:
    chosen = (
        sa.select(hold_rejections, holds.c.judged, holds.c.delivery_date, holds.c.delivery_id)
        .join(holds, holds.c.gate_id == hold_rejections.c.gate_id)
        .where(where)
    )
    row = connection.execute(chosen.order_by(hold_rejections.c.at, hold_rejections.c.gate_id)).first()
    if row is None:
        return None
    return HoldRejection(
        judged=row.judged,
        gate_id=row.gate_id,
        delivery=DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id),
        by=row.rejected_by,
        why=row.why,
        at=row.at,
    )


def waiting() -> sa.ColumnElement[bool]:
    """The condition for holds that are not rejected and not published by their gate or a later one of the delivery.

    An approved hold waits until it is published, so that it is found again if publishing it was interrupted. If a
    person releases one of several held versions, those that were held after it still wait.
    """
    released = holds.alias()
    older = (
        sa.exists()
        .where(
            released.c.gate_id == publications.c.approval_gate_id,
            approvals.c.gate_id == publications.c.approval_gate_id,
            approvals.c.at >= holds.c.at,
            released.c.judged != holds.c.judged,
            released.c.at < holds.c.at,
        )
        .correlate(holds, publications)
    )
    same = sa.and_(
        publications.c.delivery_id == holds.c.delivery_id,
        publications.c.delivery_date == holds.c.delivery_date,
        publications.c.at >= holds.c.at,
        by_the_gate(),
        ~older,
    )
    settled = sa.exists().where(sa.or_(publications.c.gate_id == holds.c.gate_id, same)).correlate(holds)
    twin = holds.alias()
    rejected = (
        sa.exists().where(twin.c.gate_id == hold_rejections.c.gate_id, twin.c.judged == holds.c.judged).correlate(holds)
    )
    return sa.and_(~settled, ~rejected)


def _hold(row: sa.Row[Any]) -> Hold:
    return Hold(
        judged=row.judged,
        gate_id=row.gate_id,
        plan_id=row.plan_id,
        delivery=DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id),
        reasons=tuple(row.reasons),
        at=row.at,
    )


def publication_of(connection: sa.Connection, row: sa.Row[Any]) -> Publication:
    """The record of a row of `publications`."""
    approved = None
    if row.approval_gate_id is not None:
        approved = _approval(connection, approvals.c.gate_id == row.approval_gate_id)
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


def _approval(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Approval | None:
    chosen = (
        sa.select(approvals, holds.c.judged, holds.c.delivery_date, holds.c.delivery_id)
        .join(holds, holds.c.gate_id == approvals.c.gate_id)
        .where(where)
        .order_by(approvals.c.at, approvals.c.gate_id)
    )
    row = connection.execute(chosen).first()
    if row is None:
        return None
    return Approval(
        judged=row.judged,
        gate_id=row.gate_id,
        delivery=DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id),
        by=row.approved_by,
        why=row.why,
        at=row.at,
    )


def _names(delivery: str) -> sa.ColumnElement[bool]:
    # A delivery id may look like a delivery key, so the text is interpreted both ways.
    by_id = holds.c.delivery_id == delivery
    try:
        key = DeliveryKey.parse(delivery)
    except ValueError:
        return by_id
    by_key = sa.and_(holds.c.delivery_id == key.delivery_id, holds.c.delivery_date == key.date)
    return sa.or_(by_id, by_key)
