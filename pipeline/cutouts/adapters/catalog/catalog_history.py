"""The history of a catalogue: publications, earlier states and their differences, rollbacks and withdrawals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog import clearing, forgetting, orders, past
from cutouts.adapters.catalog.clearing import References
from cutouts.adapters.catalog.engine import looking, telling, writing
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Order, Publication, PublicationKind, Selection


class CatalogHistory:
    """The history of an opened catalogue. Each method raises the same errors as the methods of `Catalog`.

    A moment is a publication's id or an aware time. A time means the state after the newest publication up to then.
    CutoutsError is raised if the state at a moment is not kept.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def publications(self, *, delivery_id: str | None = None, limit: int | None = None) -> tuple[Publication, ...]:
        """Publications, the newest first. If given, only those of one delivery id, and at most `limit`."""
        with looking(self._engine) as connection:
            return past.history(connection, delivery_id=delivery_id, limit=limit)

    @contextmanager
    def as_of(self, moment: int | datetime | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
        """The images that were live at a moment (by default now), as batches with the columns of `VIEW`."""
        with looking(self._engine) as connection:
            yield past.as_of(connection, self._publication(connection, moment))

    def changes(self, old: int | datetime, new: int | datetime | None = None) -> tuple[past.Change, ...]:
        """The changes between two moments; the second is now by default."""
        with looking(self._engine) as connection:
            return tuple(
                past.changes(connection, self._publication(connection, old), self._publication(connection, new))
            )

    def go_back(
        self, moment: int | datetime, order: Order, *, delivery_id: str | None = None, everything: bool = False
    ) -> tuple[Publication, ...]:
        """Restore the state at a moment, for one delivery id or for all, with one publication for each changed one.

        Raises CutoutsError if several delivery ids changed since then, unless one of them or `everything` is given.
        """
        with looking(self._engine) as connection:
            target = self._publication(connection, moment)

        def changed(connection: sa.Connection) -> tuple[str, ...]:
            return orders.deliveries_since(connection, target, delivery_id)

        with self._alone(changed) as (connection, found):
            if len(found) > 1 and not everything:
                raise CutoutsError(
                    f"{len(found)} deliveries changed after publication {target}: {', '.join(found)}. "
                    "Roll back one of them (--delivery) or all of them (--all)"
                )
            made = [orders.go_back(connection, one, target, order) for one in found]
        return tuple(one for one in made if one)

    def undo(self, publication_id: int, order: Order, *, with_newer: bool = False) -> Publication | None:
        """Restore the state of a publication's delivery id before it. None if nothing changes.

        Raises OvertakenError if newer publications changed the same delivery id. `with_newer` takes them back too.
        """

        def its(connection: sa.Connection) -> tuple[str, ...]:
            return (orders.undo_target(connection, publication_id, with_newer=with_newer)[0],)

        with self._alone(its) as (connection, _):
            delivery_id, target = orders.undo_target(connection, publication_id, with_newer=with_newer)
            return orders.go_back(connection, delivery_id, target, order)

    def withdraw(self, selection: Selection, order: Order) -> tuple[Publication, ...]:
        """Withdraw the selected live images, with one publication for each of their delivery ids.

        Raises CutoutsError if none is live, or if an image id is live in several deliveries and none is selected.
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
        """Withdraw the selected images that are live, as the first step of forgetting them."""

        def having(connection: sa.Connection) -> tuple[str, ...]:
            return orders.live_deliveries(connection, selection)

        kind = PublicationKind.FORGET
        with self._alone(having) as (connection, found):
            made = [orders.withdraw(connection, one, selection, order, kind) for one in found]
        return tuple(one for one in made if one)

    def versions(self, selection: Selection, *, others: bool = False) -> pa.Table:
        """All versions, live or past, of the selected images (with `others`, of all other images), as `KEPT`."""
        with looking(self._engine) as connection:
            return forgetting.versions(connection, selection, others=others)

    def purge(self, selection: Selection, alias: str, images: Collection[tuple[str, str]] = ()) -> int:
        """Delete the history of the selected images and return the number of rows.

        What people said about `images` (delivery id, image id) and their renditions are deleted too. If only a delivery
        id is selected, it is replaced by the alias.
        """
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "history"):
            forgetting.purge_reviews(connection, images)
            forgetting.purge_renditions(connection, images)
            return forgetting.purge(connection, selection, alias)

    def expired(self, before: datetime | None, *, dry_run: bool) -> tuple[int, References]:
        """Delete versions that were replaced before a moment. Returns the number of rows and the remaining references.

        None deletes nothing, and a `dry_run` changes nothing.
        """
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "history"):
            gone = clearing.expire(connection, before) if before else 0
            clearing.expire_renditions(connection)
            found = clearing.references(connection)
            if dry_run:
                connection.get_transaction().rollback()  # type: ignore[union-attr] # begun by `writing`
        return gone, found

    def _publication(self, connection: sa.Connection, moment: int | datetime | None) -> int:
        """The newest publication at a moment. Raises CutoutsError if the state after it is not kept."""
        if moment is None:
            return past.newest(connection)
        found = past.last_before(connection, moment) if isinstance(moment, datetime) else moment
        past.require_known(connection, found)
        return found

    @contextmanager
    def _alone(
        self, concerned: Callable[[sa.Connection], tuple[str, ...]]
    ) -> Iterator[tuple[sa.Connection, tuple[str, ...]]]:
        """A transaction that holds the locks of the `concerned` delivery ids, and these ids."""
        found: tuple[str, ...] = ()
        while True:
            with telling(self._engine), self._engine.connect() as connection:
                with writing(connection, *orders.locks(found)):
                    now = concerned(connection)
                    if set(now) <= set(found):
                        yield connection, now
                        return
                found = now
