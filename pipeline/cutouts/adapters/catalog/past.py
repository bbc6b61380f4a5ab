"""Rebuilds the state after any publication from the versions that later ones replaced, and compares two states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog.reading import publication_of
from cutouts.adapters.catalog.sql_tables import cutouts, past_cutouts, publications
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Publication

VIEW = pa.schema(
    [
        *(
            pa.field(name, pa.string(), nullable=False)
            for name in ("image_id", "product_id", "delivery_id", "cutout", "mask", "sha256")
        ),
        pa.field("matte_digest", pa.string(), nullable=False),
        pa.field("render_digest", pa.string(), nullable=False),
        pa.field("publication_id", pa.int64(), nullable=False),
        pa.field("published_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ],
    metadata={"table": "catalog"},
)
"""The columns of the view `published_cutouts`."""

_BATCH = 20_000
_KEY = ("delivery_id", "image_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The change of an image between two moments; `before` or `after` is None if it was not live then.

    Both have the columns of `VIEW` without the key (delivery id and image id).
    """

    delivery_id: str
    image_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def what(self) -> str:
        """The kind of change: added, withdrawn or replaced."""
        return "added" if self.before is None else "withdrawn" if self.after is None else "replaced"


def history(connection: sa.Connection, *, delivery_id: str | None, limit: int | None) -> tuple[Publication, ...]:
    """Publications, the newest first. If given, only those of one delivery id, and at most `limit`."""
    chosen = sa.select(publications).order_by(publications.c.publication_id.desc()).limit(limit)
    if delivery_id is not None:
        chosen = chosen.where(publications.c.delivery_id == delivery_id)
    return tuple(publication_of(connection, row) for row in connection.execute(chosen).all())


def last_before(connection: sa.Connection, moment: datetime) -> int:
    """The newest publication up to that moment, 0 if there was none."""
    newest = sa.select(sa.func.max(publications.c.publication_id)).where(publications.c.at <= moment)
    return connection.scalar(newest) or 0


def require_known(connection: sa.Connection, publication_id: int) -> None:
    """Raise CutoutsError if there is no such publication, or if the state after it is not kept."""
    if publication_id == 0 and not connection.scalar(sa.select(sa.exists().where(~publications.c.restorable))):
        return
    found = connection.scalar(
        sa.select(publications.c.restorable).where(publications.c.publication_id == publication_id)
    )
    if found is None and publication_id:
        raise CutoutsError(f"there is no publication {publication_id}: `cutouts catalog history` lists them")
    if not found:
        oldest = connection.scalar(
            sa.select(sa.func.min(publications.c.publication_id)).where(publications.c.restorable)
        )
        raise CutoutsError(
            f"what was live after publication {publication_id} is no longer kept: the history begins with {oldest}"
        )


def as_of(connection: sa.Connection, publication_id: int) -> Iterator[pa.RecordBatch]:
    """The rows of `VIEW` after that publication, sorted by delivery id and image id."""
    return _batches(connection, (_live_then(cutouts, publication_id), _live_then(past_cutouts, publication_id)))


def changes(connection: sa.Connection, old: int, new: int) -> Iterator[Change]:
    """The changes from the state after publication `old` to the one after `new`, sorted by delivery id and image id.

    `old` may be the newer one.
    """
    first, last = sorted((old, new))
    ended = past_cutouts.c.until <= last
    began = cutouts.c.since > first, past_cutouts.c.since > first
    before = _by_key(connection, [_live_then(past_cutouts, first).where(ended)])
    after = _by_key(
        connection, [_live_then(cutouts, last).where(began[0]), _live_then(past_cutouts, last).where(began[1])]
    )
    if old > new:
        before, after = after, before
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if one != other:
            yield Change(delivery_id=key[0], image_id=key[1], before=one, after=other)


def live_then(table: sa.Table, publication_id: int) -> sa.ColumnElement[bool]:
    """The condition for the rows of `cutouts` or `past_cutouts` that were live after that publication."""
    begun = table.c.since <= publication_id
    return begun if table is cutouts else sa.and_(begun, table.c.until > publication_id)


def _live_then(table: sa.Table, publication_id: int) -> sa.Select[Any]:
    names = [name for name in VIEW.names if name != "published_at"]
    made = publications.c.at.label("published_at")
    joined = table.join(publications, publications.c.publication_id == table.c.publication_id)
    return (
        sa.select(*(table.c[name] for name in names), made).select_from(joined).where(live_then(table, publication_id))
    )


def _by_key(connection: sa.Connection, selects: Sequence[sa.Select[Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for batch in _batches(connection, selects):
        for row in batch.to_pylist():
            found[row["delivery_id"], row["image_id"]] = {
                name: value for name, value in row.items() if name not in _KEY
            }
    return found


def _batches(connection: sa.Connection, selects: Sequence[sa.Select[Any]]) -> Iterator[pa.RecordBatch]:
    both = sa.union_all(*selects).subquery()
    chosen = sa.select(both).order_by(both.c.delivery_id, both.c.image_id)
    for part in connection.execution_options(yield_per=_BATCH).execute(chosen).partitions():
        columns = zip(zip(*part, strict=True), VIEW, strict=True)
        yield pa.RecordBatch.from_arrays([pa.array(values, field.type) for values, field in columns], schema=VIEW)


def newest(connection: sa.Connection) -> int:
    """The newest publication, 0 if there is none."""
    return connection.scalar(sa.select(sa.func.max(publications.c.publication_id))) or 0
