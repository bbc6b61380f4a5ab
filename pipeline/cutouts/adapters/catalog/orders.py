"""Carries out a person's orders, which make publications: rollbacks to earlier states, and withdrawals of images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import date
from typing import Any

import sqlalchemy as sa

from cutouts.adapters.catalog.past import live_then, require_known
from cutouts.adapters.catalog.publishing import end_leaving
from cutouts.adapters.catalog.reading import publication_of
from cutouts.adapters.catalog.reviews import newest_review
from cutouts.adapters.catalog.sql_tables import cutouts, leaving, past_cutouts, publications, returning, taken_back
from cutouts.adapters.catalog.utc_moments import after
from cutouts.core.errors import CutoutsError, OvertakenError
from cutouts.core.publications import Order, Publication, PublicationKind, Selection
from cutouts.core.text.display import shown

_VERSION = ("sha256", "matte_digest", "render_digest")
_RETURNED = [name for name in returning.columns.keys() if name != "since"]  # noqa: SIM118 -- a collection of columns


def deliveries_since(connection: sa.Connection, publication_id: int, delivery_id: str | None) -> tuple[str, ...]:
    """The delivery ids that changed after that publication; at most `delivery_id`, if it is given."""
    changed = sa.or_(publications.c.published > 0, publications.c.withdrawn > 0)
    chosen = sa.select(publications.c.delivery_id).where(publications.c.publication_id > publication_id, changed)
    if delivery_id is not None:
        chosen = chosen.where(publications.c.delivery_id == delivery_id)
    return tuple(connection.scalars(chosen.distinct().order_by(publications.c.delivery_id)))


def undo_target(connection: sa.Connection, publication_id: int, *, with_newer: bool) -> tuple[str, int]:
    """The delivery id of a publication to take back, and the publication before it, whose state it returns to.

    Raises CutoutsError if there is no such publication, and OvertakenError if newer ones changed the same delivery id
    and `with_newer` does not take them back too.
    """
    row = connection.execute(
        sa.select(publications).where(publications.c.publication_id == publication_id)
    ).one_or_none()
    if row is None:
        raise CutoutsError(f"there is no publication {publication_id}: `cutouts catalog history` lists them")
    newer = connection.scalars(
        sa.select(publications.c.publication_id)
        .where(
            publications.c.delivery_id == row.delivery_id,
            publications.c.publication_id > publication_id,
            sa.or_(publications.c.published > 0, publications.c.withdrawn > 0),
        )
        .order_by(publications.c.publication_id)
    ).all()
    if newer and not with_newer:
        raise OvertakenError(
            f"newer publications changed delivery {shown(row.delivery_id)} after {publication_id}: "
            f"{', '.join(map(str, newer))}. Take them back too (--with-newer), or go back to one of them (--to)"
        )
    before = sa.select(sa.func.max(publications.c.publication_id)).where(publications.c.publication_id < publication_id)
    return row.delivery_id, connection.scalar(before) or 0


def go_back(connection: sa.Connection, delivery_id: str, publication_id: int, order: Order) -> Publication | None:
    """Restore the state of a delivery id after that publication. None if nothing changes.

    The caller's transaction must hold the lock of the delivery id. Raises CutoutsError if that state is not kept.
    """
    require_known(connection, publication_id)
    for table in (leaving, returning):
        table.create(connection, checkfirst=True)
        connection.execute(sa.delete(table))
    _find_returning(connection, delivery_id, publication_id)
    _find_leaving(connection, delivery_id, publication_id)
    returned, left = (_count(connection, table) for table in (returning, leaving))
    if not returned and not left:
        return None
    replaced = connection.scalar(
        sa.select(sa.func.count()).select_from(leaving).where(leaving.c.image_id.in_(sa.select(returning.c.image_id)))
    )
    made = _publish(
        connection,
        delivery_id,
        _newest_day(connection, delivery_id),
        order,
        {
            "kind": str(PublicationKind.ROLLBACK),
            "back_to": publication_id,
            "published": returned,
            "withdrawn": left - (replaced or 0),
        },
    )
    _take_back(connection, delivery_id, made, any_recipe=False)
    end_leaving(connection, delivery_id, made)
    _bring_back(connection, made)
    _mark_undone(connection, delivery_id, publication_id, made)
    return _made(connection, made)


def withdraw(
    connection: sa.Connection,
    delivery_id: str,
    selection: Selection,
    order: Order,
    kind: PublicationKind = PublicationKind.WITHDRAW,
) -> Publication | None:
    """Withdraw the selected live images of a delivery id. None if there are none.

    The caller's transaction must hold the lock of the delivery id.
    """
    leaving.create(connection, checkfirst=True)
    connection.execute(sa.delete(leaving))
    meant = selected(cutouts, selection), cutouts.c.delivery_id == delivery_id
    connection.execute(sa.insert(leaving).from_select(["image_id"], sa.select(cutouts.c.image_id).where(*meant)))
    left = _count(connection, leaving)
    if not left:
        return None
    changes = {"kind": str(kind), "published": 0, "withdrawn": left}
    made = _publish(connection, delivery_id, _newest_day(connection, delivery_id), order, changes)
    if kind is PublicationKind.WITHDRAW:
        _take_back(connection, delivery_id, made, any_recipe=True)
    end_leaving(connection, delivery_id, made)
    return _made(connection, made)


def selected(table: sa.Table, selection: Selection) -> sa.ColumnElement[bool]:
    """The condition for the selected rows of `cutouts` or `past_cutouts`."""
    return sa.and_(*(table.c[name] == value for name, value in selection.given.items()))


def live_deliveries(connection: sa.Connection, selection: Selection) -> tuple[str, ...]:
    """The delivery ids that have selected live images."""
    chosen = sa.select(cutouts.c.delivery_id).where(selected(cutouts, selection))
    return tuple(connection.scalars(chosen.distinct().order_by(cutouts.c.delivery_id)))


def _find_returning(connection: sa.Connection, delivery_id: str, publication_id: int) -> None:
    """Fill `returning` with the versions that were live after that publication and are not exactly the live ones."""
    same = sa.and_(*(cutouts.c[name] == past_cutouts.c[name] for name in _RETURNED if name != "delivery_date"))
    columns = [past_cutouts.c[name] for name in _RETURNED]
    chosen = sa.select(*columns, sa.literal(0, sa.Integer)).where(
        past_cutouts.c.delivery_id == delivery_id,
        live_then(past_cutouts, publication_id),
        ~sa.exists().where(same).correlate(past_cutouts),
    )
    connection.execute(sa.insert(returning).from_select([*_RETURNED, "since"], chosen))


def _find_leaving(connection: sa.Connection, delivery_id: str, publication_id: int) -> None:
    """Fill `leaving` with the images whose live version differs from the one after that publication."""
    then = sa.exists().where(
        past_cutouts.c.delivery_id == cutouts.c.delivery_id,
        past_cutouts.c.image_id == cutouts.c.image_id,
        live_then(past_cutouts, publication_id),
    )
    returns = cutouts.c.image_id.in_(sa.select(returning.c.image_id))
    newer = sa.and_(cutouts.c.since > publication_id, ~then.correlate(cutouts))
    chosen = sa.select(cutouts.c.image_id).where(cutouts.c.delivery_id == delivery_id, sa.or_(returns, newer))
    connection.execute(sa.insert(leaving).from_select(["image_id"], chosen))


def _take_back(connection: sa.Connection, delivery_id: str, made: int, *, any_recipe: bool) -> None:
    """Record the leaving versions, so that they are not published again; with `any_recipe`, whatever their recipe.

    The record is of this order, also for versions that were taken back before and then released by a person.
    """
    names = ["delivery_id", "image_id", *_VERSION]
    free = ("matte_digest", "render_digest") if any_recipe else ()
    columns = [sa.literal("", sa.Text) if name in free else cutouts.c[name] for name in names]
    left = cutouts.c.delivery_id == delivery_id, cutouts.c.image_id.in_(sa.select(leaving.c.image_id))
    same = (taken_back.c[name] == column for name, column in zip(names, columns, strict=True))
    before = sa.exists().where(*left, *same).correlate(taken_back)
    connection.execute(sa.delete(taken_back).where(taken_back.c.delivery_id == delivery_id, before))
    chosen = sa.select(*columns, sa.literal(made, sa.Integer)).where(*left)
    connection.execute(sa.insert(taken_back).from_select([*names, "publication_id"], chosen))


def _bring_back(connection: sa.Connection, made: int) -> None:
    """Make the returning versions live, and delete the records that they were taken back."""
    columns = [returning.c[name] for name in _RETURNED]
    chosen = sa.select(*columns, sa.literal(made, sa.Integer))
    connection.execute(sa.insert(cutouts).from_select([*_RETURNED, "since"], chosen))
    again = sa.exists().where(
        returning.c.delivery_id == taken_back.c.delivery_id,
        returning.c.image_id == taken_back.c.image_id,
        returning.c.sha256 == taken_back.c.sha256,
        taken_back.c.matte_digest.in_([returning.c.matte_digest, ""]),
        taken_back.c.render_digest.in_([returning.c.render_digest, ""]),
    )
    connection.execute(sa.delete(taken_back).where(again))


def _mark_undone(connection: sa.Connection, delivery_id: str, publication_id: int, made: int) -> None:
    """Mark publications after the restored one as undone, and reset those before to their state at that time."""
    its = publications.c.delivery_id == delivery_id
    later = sa.and_(
        its,
        publications.c.publication_id > publication_id,
        publications.c.publication_id < made,
        publications.c.undone_by.is_(None),
    )
    earlier = sa.and_(its, publications.c.publication_id <= publication_id, publications.c.undone_by > publication_id)
    again = publications.c.changed + 1
    connection.execute(sa.update(publications).where(later).values(undone_by=made, changed=again))
    connection.execute(sa.update(publications).where(earlier).values(undone_by=None, changed=again))


def _publish(connection: sa.Connection, delivery_id: str, day: date, order: Order, changes: dict[str, Any]) -> int:
    """Record the publication of an order. It is later than every review of the delivery, although another machine's
    clock may have been ahead when that review was given: otherwise what the order takes back would count as released
    since."""
    newest = connection.scalar(sa.select(sa.func.max(publications.c.publication_id))) or 0
    key = hashlib.sha256(json.dumps([changes, delivery_id, newest]).encode()).hexdigest()[:32]
    row = {
        "gate_id": key,
        "plan_id": "",
        "delivery_id": delivery_id,
        "delivery_date": day,
        "at": after(order.at, newest_review(connection, delivery_id)),
        "confirmed": 0,
        "superseded": 0,
        "made_by": order.by,
        "because": order.because,
        **changes,
    }
    inserted = connection.execute(sa.insert(publications).values(row).returning(publications.c.publication_id))
    publication_id: int = inserted.scalar_one()
    return publication_id


def _newest_day(connection: sa.Connection, delivery_id: str) -> date:
    """The newest day of which anything of a delivery id was published."""
    newest = sa.select(sa.func.max(publications.c.delivery_date)).where(publications.c.delivery_id == delivery_id)
    day: date = connection.execute(newest).scalar_one()
    return day


def _made(connection: sa.Connection, publication_id: int) -> Publication:
    row = connection.execute(sa.select(publications).where(publications.c.publication_id == publication_id)).one()
    return publication_of(connection, row)


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def locks(delivery_ids: Collection[str]) -> tuple[str, ...]:
    """The locks of several delivery ids, in a fixed order to avoid deadlocks."""
    return tuple(f"delivery/{one}" for one in sorted(delivery_ids))
