"""Reads what has to be written to the journal, on a connection that the caller opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog.reviews import review_of
from cutouts.adapters.catalog.sql_tables import (
    approvals,
    cutouts,
    hold_rejections,
    holds,
    image_reviews,
    past_cutouts,
    publications,
    taken_back,
)
from cutouts.core.journal import (
    JournalledHold,
    JournalledPublication,
    JournalledReview,
    JournalledReviews,
    JournalledWord,
)
from cutouts.core.publications import PublicationKind
from cutouts.schemas.tables import CATALOG_CHANGES

_BATCH = 20_000
_COLUMNS = [one.name for one in fields(JournalledPublication) if one.name != "previous"]
_VERSION = [name for name in CATALOG_CHANGES.names if name != "change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueHold:
    """A hold that the journal lacks or has in an older state; `changed` counts its changes so far."""

    record: JournalledHold
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DuePublication:
    """A publication that the journal lacks or has in an older state. `whole`: also what it changed must be written."""

    record: JournalledPublication
    changed: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReviews:
    """The reviews of a decision's images, some of which the journal lacks."""

    record: JournalledReviews


Due: TypeAlias = DueHold | DuePublication | DueReviews


def is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    """The condition for the rows of `publications`, `holds` or `image_reviews` that must be written to the journal."""
    due: sa.ColumnElement[bool] = table.c.journalled < (1 if table is image_reviews else table.c.changed)
    return due


def due_holds(connection: sa.Connection) -> tuple[DueHold, ...]:
    """The holds to write, the oldest first."""
    said, refused = approvals.c, hold_rejections.c
    joined = holds.outerjoin(approvals, said.gate_id == holds.c.gate_id)
    joined = joined.outerjoin(hold_rejections, refused.gate_id == holds.c.gate_id)
    words = [said.approved_by, said.why.label("yes"), said.at.label("yes_at")]
    words += [refused.rejected_by, refused.why.label("no"), refused.at.label("no_at")]
    chosen = sa.select(holds, *words).select_from(joined).where(is_due(holds)).order_by(holds.c.at, holds.c.gate_id)
    return tuple(DueHold(record=_hold(row), changed=row.changed) for row in connection.execute(chosen))


def _hold(row: sa.Row[Any]) -> JournalledHold:
    return JournalledHold(
        gate_id=row.gate_id,
        judged=row.judged,
        plan_id=row.plan_id,
        delivery_id=row.delivery_id,
        delivery_date=row.delivery_date,
        reasons=tuple(row.reasons),
        at=row.at,
        approved=_word(row.approved_by, row.yes, row.yes_at),
        rejected=_word(row.rejected_by, row.no, row.no_at),
    )


def _word(by: str | None, why: str, at: Any) -> JournalledWord | None:
    return None if by is None else JournalledWord(by=by, why=why, at=at)


def due_reviews(connection: sa.Connection) -> tuple[DueReviews, ...]:
    """The decisions whose reviews must be written, with all of their reviews."""
    gates = sa.select(image_reviews.c.gate_id).where(is_due(image_reviews)).distinct()
    chosen = sa.select(image_reviews).where(image_reviews.c.gate_id.in_(gates))
    found: dict[str, list[JournalledReview]] = {}
    for row in connection.execute(chosen.order_by(image_reviews.c.gate_id, image_reviews.c.review_id)):
        one = JournalledReview(review_id=row.review_id, review=review_of(row))
        found.setdefault(row.gate_id, []).append(one)
    return tuple(
        DueReviews(record=JournalledReviews(gate_id=gate_id, reviews=tuple(reviews)))
        for gate_id, reviews in found.items()
    )


def due_publications(connection: sa.Connection) -> tuple[DuePublication, ...]:
    """The publications to write, the oldest first."""
    before = publications.alias()
    earlier = (
        before.c.delivery_id == publications.c.delivery_id,
        before.c.publication_id < publications.c.publication_id,
    )
    previous = sa.select(sa.func.max(before.c.publication_id)).where(*earlier).scalar_subquery().label("previous")
    chosen = sa.select(publications, previous).where(is_due(publications)).order_by(publications.c.publication_id)
    return tuple(
        DuePublication(
            record=JournalledPublication(**{name: getattr(row, name) for name in (*_COLUMNS, "previous")}),
            changed=row.changed,
            whole=row.journalled == 0,
        )
        for row in connection.execute(chosen)
    )


def changes(connection: sa.Connection, one: JournalledPublication) -> Iterator[pa.RecordBatch]:
    """What a publication changed, as `CATALOG_CHANGES`. The connection must see one moment of the database."""
    made = one.publication_id
    for table in (cutouts, past_cutouts):
        chosen = sa.select(*(table.c[name] for name in _VERSION)).where(_its(table, one), table.c.since == made)
        yield from _rows(connection, "added", _VERSION, chosen)
    ended = sa.select(past_cutouts.c.image_id, past_cutouts.c.since)
    ended = ended.where(_its(past_cutouts, one), past_cutouts.c.until == made)
    yield from _rows(connection, "ended", ["image_id", "since"], ended)
    if one.moved:
        yield from _moves(connection, one)
    if one.kind != str(PublicationKind.PUBLISH):
        names = ["image_id", "since", "sha256", "matte_digest", "render_digest"]
        columns = [taken_back.c["publication_id" if name == "since" else name] for name in names]
        known = sa.select(*columns).where(_its(taken_back, one), taken_back.c.publication_id <= made)
        yield from _rows(connection, "taken back", names, known)


def _its(table: sa.Table, one: JournalledPublication) -> sa.ColumnElement[bool]:
    its: sa.ColumnElement[bool] = table.c.delivery_id == one.delivery_id
    return its


def _moves(connection: sa.Connection, one: JournalledPublication) -> Iterator[pa.RecordBatch]:
    """The images whose day the publication moved, or those that were live and stayed, whichever are fewer.

    Images that moved again since may be missing: the later publication has their day.
    """

    def live(*where: str) -> list[sa.Select[Any]]:
        found = []
        for table in (cutouts, past_cutouts):
            conditions = [_its(table, one), table.c.since < one.publication_id]
            conditions += [table.c.until > one.publication_id] if table is past_cutouts else []
            day = table.c.delivery_date
            conditions += [day == one.delivery_date if "moved" in where else day < one.delivery_date]
            found.append(sa.select(table.c.image_id).where(*conditions))
        return found

    counts = {
        change: connection.scalar(sa.select(sa.func.count()).select_from(sa.union_all(*live(change)).subquery())) or 0
        for change in ("moved", "stayed")
    }
    fewer = "moved" if 0 < counts["moved"] <= counts["stayed"] else "stayed"
    yield from _rows(connection, fewer, ["image_id"], sa.union_all(*live(fewer)))


def _rows(
    connection: sa.Connection, change: str, names: Sequence[str], chosen: sa.Select[Any] | sa.CompoundSelect[Any]
) -> Iterator[pa.RecordBatch]:
    for part in connection.execution_options(yield_per=_BATCH).execute(chosen).partitions():
        values = dict(zip(names, zip(*part, strict=True), strict=True)) | {"change": [change] * len(part)}
        columns = [
            pa.array(values[one.name], one.type) if one.name in values else pa.nulls(len(part), one.type)
            for one in CATALOG_CHANGES
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=CATALOG_CHANGES)
