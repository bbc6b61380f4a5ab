"""Fills an empty database from a journal, on a connection that the caller opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog.copying import copy_in
from cutouts.adapters.catalog.reviews import row_of
from cutouts.adapters.catalog.sql_tables import (
    approvals,
    cutouts,
    hold_rejections,
    holds,
    image_reviews,
    journalled,
    past_cutouts,
    products,
    publications,
    taken_back,
)
from cutouts.core.errors import CutoutsError
from cutouts.core.journal import (
    JournalledHold,
    JournalledPublication,
    JournalledReview,
    JournalledReviews,
    JournalledWord,
)
from cutouts.core.publications import PublicationKind

_LIVE = 0
"""`until` of a version that nothing has ended yet, while the database is rebuilt."""

Changes = Iterable[tuple[JournalledPublication, pa.RecordBatch]]
"""The tables of a journal, batch by batch, with the publication that each is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The records of a journal. `published` is sorted by number, without gaps in the publications of a delivery id."""

    held: Sequence[JournalledHold]
    reviewed: Sequence[JournalledReviews]
    published: Sequence[JournalledPublication]


def require_empty(connection: sa.Connection) -> None:
    """Raise CutoutsError if the catalogue has any publication or hold."""
    for table in (publications, holds):
        if connection.scalar(sa.select(sa.exists().select_from(table))):
            place = connection.engine.url.render_as_string(hide_password=True)
            raise CutoutsError(f"the catalogue at {place} is not empty: move it away, or name a new one (`catalog`)")


def restore(connection: sa.Connection, journal: Journal, changes: Changes) -> None:
    """Fill an empty database: with every column of publications, of holds and what people decided, of live and past
    versions, and of what was taken back.

    The days on which products were seen are computed from the versions.
    """
    held, published = journal.held, journal.published
    _insert(connection, holds, map(_hold, held))
    _insert(connection, approvals, _words(held, "approved"))
    _insert(connection, hold_rejections, _words(held, "rejected"))
    reviews = [one for decision in journal.reviewed for one in decision.reviews]
    _insert(connection, image_reviews, map(_review, sorted(reviews, key=lambda one: one.review_id)))
    _insert(connection, publications, map(_publication, published))
    journalled.create(connection)
    _load(connection, changes)
    _add_versions(connection)
    for one in published:
        if one.moved:
            _move(connection, one)
    _add_products(connection)
    _make_live(connection)
    _take_back(connection, published)
    _continue_numbers(connection, publications.c.publication_id, image_reviews.c.review_id)


def _hold(one: JournalledHold) -> dict[str, Any]:
    row = {name: value for name, value in asdict(one).items() if name not in ("approved", "rejected")}
    return row | {"reasons": list(one.reasons), "journalled": 1}


def _words(held: Sequence[JournalledHold], said: str) -> Iterator[dict[str, Any]]:
    for one in held:
        word: JournalledWord | None = getattr(one, said)
        if word:
            yield {"gate_id": one.gate_id, f"{said}_by": word.by, "why": word.why, "at": word.at}


def _review(one: JournalledReview) -> dict[str, Any]:
    return row_of(one.review) | {"review_id": one.review_id, "journalled": 1}


def _publication(one: JournalledPublication) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "previous"} | {"journalled": 1}


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    if found := [*rows]:
        connection.execute(sa.insert(table), found)


def _load(connection: sa.Connection, changes: Changes) -> None:
    labelled = (_labelled(one, batch) for one, batch in changes)
    if connection.dialect.name == "postgresql":
        copy_in(connection, journalled, labelled)
    else:
        for batch in labelled:
            _insert(connection, journalled, batch.to_pylist())


def _labelled(one: JournalledPublication, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with the delivery id and the number of its publication."""
    delivery = pa.repeat(pa.scalar(one.delivery_id, pa.string()), batch.num_rows)
    made_by = pa.repeat(pa.scalar(one.publication_id, pa.int64()), batch.num_rows)
    names = ["delivery_id", "made_by", *batch.schema.names]
    return pa.RecordBatch.from_arrays([delivery, made_by, *batch.columns], names=names)


def _add_versions(connection: sa.Connection) -> None:
    """Add every version to `past_cutouts`, those that nothing ended with `_LIVE`."""
    added, ended = journalled.alias("added"), journalled.alias("ended")
    same = [added.c[name] == ended.c[name] for name in ("delivery_id", "image_id", "since")]
    joined = added.outerjoin(ended, sa.and_(ended.c.change == "ended", *same))
    until = sa.func.coalesce(ended.c.made_by, _LIVE)
    names = past_cutouts.columns.keys()
    columns = [until if name == "until" else added.c[name] for name in names]
    chosen = sa.select(*columns).select_from(joined).where(added.c.change == "added")
    connection.execute(sa.insert(past_cutouts).from_select(names, chosen))


def _move(connection: sa.Connection, one: JournalledPublication) -> None:
    """Move the day of the versions that the publication confirmed and that it delivered on a later day."""

    def named(change: str) -> sa.Select[Any]:
        its = journalled.c.made_by == one.publication_id, journalled.c.change == change
        return sa.select(journalled.c.image_id).where(*its)

    some = connection.scalar(sa.select(named("moved").exists()))
    past = past_cutouts.c
    concerned = past.image_id.in_(named("moved")) if some else past.image_id.not_in(named("stayed"))
    live = past.since < one.publication_id, sa.or_(past.until == _LIVE, past.until > one.publication_id)
    earlier = past.delivery_id == one.delivery_id, past.delivery_date < one.delivery_date
    moved = sa.update(past_cutouts).where(*earlier, *live, concerned)
    connection.execute(moved.values(delivery_date=one.delivery_date))


def _add_products(connection: sa.Connection) -> None:
    """Add the products with the first and the last day that their versions state.

    What a person brings back was not delivered on the day of that order.
    """
    past, made = past_cutouts.c, publications.c
    delivered = sa.and_(made.publication_id == past.since, made.kind == str(PublicationKind.PUBLISH))
    begun = sa.select(past.product_id, made.delivery_date.label("day")).join(publications, delivered)
    days = sa.union_all(sa.select(past.product_id, past.delivery_date.label("day")), begun).subquery()
    first, last = sa.func.min(days.c.day), sa.func.max(days.c.day)
    chosen = sa.select(days.c.product_id, first, last).group_by(days.c.product_id)
    connection.execute(sa.insert(products).from_select(["product_id", "first_seen", "last_seen"], chosen))


def _make_live(connection: sa.Connection) -> None:
    names = cutouts.columns.keys()
    live = past_cutouts.c.until == _LIVE
    chosen = sa.select(*(past_cutouts.c[name] for name in names)).where(live)
    connection.execute(sa.insert(cutouts).from_select(names, chosen))
    connection.execute(sa.delete(past_cutouts).where(live))


def _take_back(connection: sa.Connection, published: Sequence[JournalledPublication]) -> None:
    """Add what was taken back, as the newest order for each delivery id has it."""
    newest = {one.delivery_id: one.publication_id for one in published if one.kind != str(PublicationKind.PUBLISH)}
    for made in newest.values():
        its = journalled.c.made_by == made, journalled.c.change == "taken back"
        names = [column.name for column in taken_back.columns]
        columns = {name: journalled.c["since" if name == "publication_id" else name] for name in names}
        connection.execute(sa.insert(taken_back).from_select([*columns], sa.select(*columns.values()).where(*its)))


def _continue_numbers(connection: sa.Connection, *columns: sa.Column[Any]) -> None:
    """Make PostgreSQL give the next row the next number; SQLite does so by itself."""
    for column in columns if connection.dialect.name == "postgresql" else ():
        newest = connection.scalar(sa.select(sa.func.max(column)))
        sequence = sa.func.pg_get_serial_sequence(str(column.table), column.name)
        if newest:
            connection.execute(sa.select(sa.func.setval(sequence, newest)))
