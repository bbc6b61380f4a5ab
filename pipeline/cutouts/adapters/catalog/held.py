"""Reads holds, and what people decided about them, on a connection that the caller opened."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cutouts.adapters.catalog.sql_tables import approvals, hold_rejections, holds, publications
from cutouts.core.publications import Approval, Hold, HoldRejection, PublicationKind
from cutouts.core.records import DeliveryKey


def by_the_gate() -> sa.ColumnElement[bool]:
    """The condition for publications from a decision of the gate, not from a person's order."""
    return publications.c.kind == str(PublicationKind.PUBLISH)


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


def all_waiting_holds(connection: sa.Connection) -> tuple[Hold, ...]:
    """Every waiting hold, the oldest first; only the newest of several with the same content."""
    return _newest_of_each(connection, waiting())


def rejection_of(connection: sa.Connection, gate_id: str) -> HoldRejection | None:
    """The rejection of the hold of that gate, None if there is none."""
    return _rejection(connection, hold_rejections.c.gate_id == gate_id)


def rejection_for(connection: sa.Connection, judged: str) -> HoldRejection | None:
    """The rejection of exactly that content, recipe and suite, of any gate decision. None if there is none."""
    return _rejection(connection, holds.c.judged == judged)


def waiting() -> sa.ColumnElement[bool]:
    """The condition for holds that are not rejected and not published by their gate or a later one of the delivery.

    An approved hold waits until it is published, so that it is found again if publishing it was interrupted. If a
    person releases one of several held versions, those that were held after it still wait. A publication of some images
    that were cut again settles nothing.
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
        ~publications.c.is_partial,
        ~older,
    )
    settled = sa.exists().where(sa.or_(publications.c.gate_id == holds.c.gate_id, same)).correlate(holds)
    twin = holds.alias()
    rejected = (
        sa.exists().where(twin.c.gate_id == hold_rejections.c.gate_id, twin.c.judged == holds.c.judged).correlate(holds)
    )
    return sa.and_(~settled, ~rejected)


def _newest_of_each(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> tuple[Hold, ...]:
    """The holds, the oldest first; only the newest of several with the same content."""
    chosen = sa.select(holds).where(*where).order_by(holds.c.at, holds.c.delivery_date, holds.c.gate_id)
    newest: dict[str, Hold] = {}
    for row in connection.execute(chosen):
        newest.pop(row.judged, None)
        newest[row.judged] = hold_of(row)
    return tuple(newest.values())


def _rejection(connection: sa.Connection, where: sa.ColumnElement[bool]) -> HoldRejection | None:
    row = _first_word(connection, hold_rejections, where)
    if row is None:
        return None
    return HoldRejection(
        judged=row.judged, gate_id=row.gate_id, delivery=_delivery(row), by=row.rejected_by, why=row.why, at=row.at
    )


def _approval(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Approval | None:
    row = _first_word(connection, approvals, where)
    if row is None:
        return None
    return Approval(
        judged=row.judged, gate_id=row.gate_id, delivery=_delivery(row), by=row.approved_by, why=row.why, at=row.at
    )


def _first_word(connection: sa.Connection, words: sa.Table, where: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    """The oldest row of `approvals` or `hold_rejections`, with what its hold is about; None if there is none."""
    chosen = (
        sa.select(words, holds.c.judged, holds.c.delivery_date, holds.c.delivery_id)
        .join(holds, holds.c.gate_id == words.c.gate_id)
        .where(where)
        .order_by(words.c.at, words.c.gate_id)
    )
    return connection.execute(chosen).first()


def _delivery(row: sa.Row[Any]) -> DeliveryKey:
    return DeliveryKey(date=row.delivery_date, delivery_id=row.delivery_id)


def hold_of(row: sa.Row[Any]) -> Hold:
    """The record of a row of `holds`."""
    return Hold(
        judged=row.judged,
        gate_id=row.gate_id,
        plan_id=row.plan_id,
        delivery=_delivery(row),
        reasons=tuple(row.reasons),
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
