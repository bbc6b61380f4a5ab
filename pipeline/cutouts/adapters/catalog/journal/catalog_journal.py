"""The journal of an opened catalogue: what is due, what was written, and how a database is restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog import leases
from cutouts.adapters.catalog.engine import looking, telling, writing
from cutouts.adapters.catalog.journal import due, restoring
from cutouts.adapters.catalog.journal.due import Due, DueHold, DuePublication, DueReviews
from cutouts.adapters.catalog.sql_tables import holds, image_reviews, publications
from cutouts.core.journal import JournalledHold, JournalledPublication

_KEYS = ((publications, "publication_id"), (holds, "gate_id"), (image_reviews, "gate_id"))
"""The tables whose rows the journal has, with the column that names the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalKeys:
    """Records of the journal: publications by number, holds and reviews by the id of their decision."""

    publications: frozenset[int]
    holds: frozenset[str]
    reviews: frozenset[str]


class CatalogJournal:
    """What of an opened catalogue belongs in its journal. Each method raises the same errors as those of `Catalog`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until nobody else writes the journal, and keep others from it during the block."""
        with leases.turn(self._engine, "journal"):
            yield

    def newest(self) -> int:
        """The number of the newest publication; 0 before the first."""
        with self._reading() as connection:
            return connection.scalar(sa.select(sa.func.max(publications.c.publication_id))) or 0

    def is_due(self) -> bool:
        """Whether the journal lacks anything."""
        with self._reading() as connection:
            return any(connection.scalar(sa.select(sa.exists().where(due.is_due(table)))) for table, _ in _KEYS)

    def due_holds(self) -> tuple[DueHold, ...]:
        """The holds to write, the oldest first."""
        with self._reading() as connection:
            return due.due_holds(connection)

    def due_reviews(self) -> tuple[DueReviews, ...]:
        """The decisions whose reviews must be written."""
        with self._reading() as connection:
            return due.due_reviews(connection)

    def due_publications(self) -> tuple[DuePublication, ...]:
        """The publications to write, the oldest first. Mark them in this order: a version that expires must not leave
        the record that ended it without the one that began it."""
        with self._reading() as connection:
            return due.due_publications(connection)

    @contextmanager
    def changes(self, one: JournalledPublication) -> Iterator[Iterator[pa.RecordBatch]]:
        """What a publication changed, as batches with the columns of `CATALOG_CHANGES`."""
        with self._reading() as connection:
            yield due.changes(connection, one)

    def mark(self, written: Sequence[Due]) -> None:
        """Record in one transaction that these are in the journal now, unless they were changed again meanwhile."""
        with self._writing() as connection:
            for one in written:
                connection.execute(_marking(one))

    def written(self) -> JournalKeys:
        """What is in the journal."""
        with self._reading() as connection:
            numbers, held, reviewed = (
                frozenset(connection.scalars(sa.select(table.c[name]).where(table.c.journalled > 0)))
                for table, name in _KEYS
            )
        return JournalKeys(publications=numbers, holds=held, reviews=reviewed)

    def write_again(self, lost: JournalKeys) -> None:
        """Make these due, because their records are lost."""
        with self._writing() as connection:
            for (table, name), keys in zip(_KEYS, (lost.publications, lost.holds, lost.reviews), strict=True):
                for key in keys:
                    connection.execute(sa.update(table).where(table.c[name] == key).values(journalled=0))

    def restore(self, journal: restoring.Journal, changes: restoring.Changes) -> None:
        """Fill this catalogue, which must be empty, in one transaction. Raises CutoutsError if it is not empty."""
        with self._writing() as connection:
            restoring.require_empty(connection)
            restoring.restore(connection, journal, changes)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "journal marks"):
            yield connection

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that sees one moment of the database."""
        postgres = self._engine.dialect.name == "postgresql"
        return looking(self._engine, **({"isolation_level": "REPEATABLE READ"} if postgres else {}))


def _marking(written: Due) -> sa.Update:
    if isinstance(written, DueReviews):
        newest = written.record.reviews[-1].review_id
        its = image_reviews.c.gate_id == written.record.gate_id, image_reviews.c.review_id <= newest
        return sa.update(image_reviews).where(*its).values(journalled=1)
    record = written.record
    if isinstance(record, JournalledHold):
        table, key = holds, holds.c.gate_id == record.gate_id
    else:
        table, key = publications, publications.c.publication_id == record.publication_id
    return sa.update(table).where(key, table.c.changed == written.changed).values(journalled=written.changed)
