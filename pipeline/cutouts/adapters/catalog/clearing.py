"""Finds everything that the catalogue refers to, and deletes expired history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from cutouts.adapters.catalog.held import waiting
from cutouts.adapters.catalog.sql_tables import cutouts, holds, past_cutouts, publications, renditions


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """References of live images, kept history and waiting holds: `objects`, and `contents` (digests of photographs).

    `gates` and `plans` are those of live and kept images, whose origin they record, and of waiting holds; also the
    plans of the days on which live images were last delivered, because they say which renditions these images get.
    `waiting_gates` and `waiting_plans` may still be published, with everything that they need.
    """

    objects: frozenset[str]
    contents: frozenset[str]
    gates: frozenset[str]
    plans: frozenset[str]
    waiting_gates: frozenset[str]
    waiting_plans: frozenset[str]


_DAYS = sa.select(cutouts.c.delivery_id, cutouts.c.delivery_date).distinct()


def expire(connection: sa.Connection, before: datetime) -> int:
    """Delete versions that were replaced before that moment, and return how many.

    The states in which they were live cannot be restored any more.
    """
    old = sa.select(publications.c.publication_id).where(publications.c.at < before)
    ended = past_cutouts.c.until.in_(old)
    last = connection.scalar(sa.select(sa.func.max(past_cutouts.c.until)).where(ended))
    if last is None:
        return 0
    concerned = sa.union(*(sa.select(past_cutouts.c[name]).where(ended) for name in ("since", "until")))
    journal_again(connection, publications.c.publication_id.in_(concerned))
    gone = connection.execute(sa.delete(past_cutouts).where(ended)).rowcount
    lost = publications.c.publication_id < last, publications.c.restorable
    again = publications.c.changed + 1
    connection.execute(sa.update(publications).where(*lost).values(restorable=False, changed=again))
    return gone


def expire_renditions(connection: sa.Connection) -> None:
    """Delete the rows of renditions that do not show a live version. If it is live again, it is rendered again."""
    same = (
        sa.exists()
        .where(*(cutouts.c[name] == renditions.c[name] for name in ("delivery_id", "image_id", "cutout", "sha256")))
        .correlate(renditions)
    )
    connection.execute(sa.delete(renditions).where(~same))


def journal_again(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> None:
    """Have these publications written to the journal again, with the versions that the catalogue still has of them."""
    again = {"changed": publications.c.changed + 1, "journalled": 0}
    connection.execute(sa.update(publications).where(*where).values(again))


def references(connection: sa.Connection) -> References:
    """The current references."""
    objects: set[str] = set()
    contents: set[str] = set()
    made: set[int] = set()
    days = {(row.delivery_id, row.delivery_date) for row in connection.execute(_DAYS)}
    for table in (cutouts, past_cutouts):
        chosen = sa.select(table.c.mask, table.c.cutout, table.c.sha256, table.c.publication_id)
        for row in connection.execution_options(yield_per=20_000).execute(chosen):
            objects.update((row.mask, row.cutout))
            contents.add(row.sha256)
            made.add(row.publication_id)
    objects.update(connection.scalars(sa.select(renditions.c.picture)))
    columns = ("publication_id", "gate_id", "plan_id", "delivery_id", "delivery_date")
    decided = connection.execute(sa.select(*(publications.c[name] for name in columns))).all()
    wishes = {row.plan_id for row in decided if (row.delivery_id, row.delivery_date) in days}
    kept = [row for row in decided if row.publication_id in made]
    held = connection.execute(sa.select(holds.c.gate_id, holds.c.plan_id).where(waiting())).all()
    return References(
        objects=frozenset(objects),
        contents=frozenset(contents),
        gates=frozenset(row.gate_id for row in (*kept, *held)),
        plans=frozenset(row.plan_id for row in (*kept, *held)) | wishes,
        waiting_gates=frozenset(row.gate_id for row in held),
        waiting_plans=frozenset(row.plan_id for row in held),
    )
