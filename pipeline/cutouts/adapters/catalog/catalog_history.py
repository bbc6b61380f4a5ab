"""The history of a catalogue: what was published, what was live after it, what changed; going back, and withdrawing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog import clearing, forgetting, orders, past
from cutouts.adapters.catalog.clearing import References
from cutouts.adapters.catalog.engine import telling, writing
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, Publication, PublicationKind, Selection


class CatalogHistory:
    """The history of one opened catalogue. Each method is one transaction and raises what `Catalog`'s methods raise.

    A moment is a publication's id, or an aware time: what was live then is what was live after the newest publication
    up to then. CutoutsError is raised for a moment whose state is not kept.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def publications(self, *, delivery_id: str | None = None, limit: int | None = None) -> tuple[Publication, ...]:
        """Publications, the newest first; of one delivery id, and no more than `limit`, if these are given."""
        with self._reading() as connection:
            return past.history(connection, delivery_id=delivery_id, limit=limit)

    @contextmanager
    def as_of(self, moment: int | datetime | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
        """What was live at a moment (by default what is live now), as batches of the columns of `VIEW`."""
        with self._reading() as connection:
            yield past.as_of(connection, self._publication(connection, moment))

    def changes(self, old: int | datetime, new: int | datetime | None = None) -> tuple[past.Change, ...]:
        """What changed between two moments, the second by default now."""
        with self._reading() as connection:
            return tuple(
                past.changes(connection, self._publication(connection, old), self._publication(connection, new))
            )

    def go_back(
        self, moment: int | datetime, order: Order, *, delivery_id: str | None = None, everything: bool = False
    ) -> tuple[Publication, ...]:
        """Make exactly what was live at a moment live again, of one delivery id or of all: a publication of each.

        CutoutsError if several delivery ids changed since, and neither one of them nor `everything` is asked for.
        """
        with self._reading() as connection:
            target = self._publication(connection, moment)

        def changed(connection: sa.Connection) -> tuple[str, ...]:
            return orders.deliveries_since(connection, target, delivery_id)

        with self._alone(changed) as (connection, found):
            if len(found) > 1 and not everything:
                raise CutoutsError(
                    f"{len(found)} deliveries changed after publication {target}: {', '.join(found)}. "
                    "Go back with one of them (--delivery) or with all of them (--all)"
                )
            made = [orders.go_back(connection, one, target, order) for one in found]
        return tuple(one for one in made if one)

    def undo(self, publication_id: int, order: Order, *, with_newer: bool = False) -> Publication | None:
        """Take a publication back: its delivery id is exactly as it was before. None if that is so already.

        CutoutsError if newer publications changed the same delivery id, unless they are to be taken back too.
        """

        def its(connection: sa.Connection) -> tuple[str, ...]:
            return (orders.undo_target(connection, publication_id, with_newer=with_newer)[0],)

        with self._alone(its) as (connection, _):
            delivery_id, target = orders.undo_target(connection, publication_id, with_newer=with_newer)
            return orders.go_back(connection, delivery_id, target, order)

    def withdraw(self, selection: Selection, order: Order) -> tuple[Publication, ...]:
        """Withdraw the selected images that are live: a publication for each delivery id that had some.

        CutoutsError if none is live, or if an image id is live in several deliveries and the selection names none.
        """

        def having(connection: sa.Connection) -> tuple[str, ...]:
            return orders.live_deliveries(connection, selection)

        with self._alone(having) as (connection, found):
            if not found:
                raise CutoutsError(f"no image of {selection.words} is live")
            if selection.image_id is not None and len(found) > 1:
                raise CutoutsError(f"{selection.words} is live in {', '.join(found)}: say which one (--delivery)")
            made = [orders.withdraw(connection, one, selection, order) for one in found]
        return tuple(one for one in made if one)

    def withdraw_forgotten(self, selection: Selection, order: Order) -> tuple[Publication, ...]:
        """Withdraw the selected images, if any is live, as the beginning of forgetting them."""

        def having(connection: sa.Connection) -> tuple[str, ...]:
            return orders.live_deliveries(connection, selection)

        kind = PublicationKind.FORGET
        with self._alone(having) as (connection, found):
            made = [orders.withdraw(connection, one, selection, order, kind) for one in found]
        return tuple(one for one in made if one)

    def versions(self, selection: Selection, *, others: bool = False) -> pa.Table:
        """`KEPT` of all versions of the selected images, live or past; with `others`, of all other images."""
        with self._reading() as connection:
            return forgetting.versions(connection, selection, others=others)

    def purge(self, selection: Selection, alias: str) -> int:
        """Delete the history of the selected images; gives how many rows. A delivery id gets the alias."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "history"):
            return forgetting.purge(connection, selection, alias)

    def expired(self, before: datetime | None, *, dry_run: bool) -> tuple[int, References]:
        """Forget what was replaced before a moment: how many rows, and what is referred to from then on.

        None forgets nothing, and a `dry_run` only says so.
        """
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "history"):
            gone = clearing.expire(connection, before) if before else 0
            found = clearing.references(connection)
            if dry_run:
                connection.get_transaction().rollback()  # type: ignore[union-attr] # `writing` has begun it
        return gone, found

    def _publication(self, connection: sa.Connection, moment: int | datetime | None) -> int:
        """The publication that a moment is after; CutoutsError if what was live then is not kept."""
        if moment is None:
            return past.newest(connection)
        found = past.last_before(connection, moment) if isinstance(moment, datetime) else moment
        past.require_known(connection, found)
        return found

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with telling(self._engine), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _alone(
        self, concerned: Callable[[sa.Connection], tuple[str, ...]]
    ) -> Iterator[tuple[sa.Connection, tuple[str, ...]]]:
        """A transaction that is alone with the delivery ids that are `concerned`."""
        found: tuple[str, ...] = ()
        while True:
            with telling(self._engine), self._engine.connect() as connection:
                with writing(connection, *orders.locks(found)):
                    now = concerned(connection)
                    if set(now) <= set(found):
                        yield connection, now
                        return
                found = now
