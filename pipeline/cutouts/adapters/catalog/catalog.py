"""The catalogue: live images and their publications; holds, history, renditions and journal are parts of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Self

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog import comparing, held, leases, live_images, publishing, reading, reviews, sql_tables
from cutouts.adapters.catalog.catalog_history import CatalogHistory
from cutouts.adapters.catalog.catalog_holds import CatalogHolds
from cutouts.adapters.catalog.catalog_renditions import CatalogRenditions
from cutouts.adapters.catalog.comparing import Difference
from cutouts.adapters.catalog.deciding import approving_gate
from cutouts.adapters.catalog.engine import looking, open_engine, telling, writing, writing_delivery
from cutouts.adapters.catalog.journal import CatalogJournal
from cutouts.adapters.catalog.migrate import upgrade
from cutouts.core.publications import CatalogEntry, Draft, Hold, HoldRejection, Publication, TakenBack
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.core.reviews import ImageReview


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCounts:
    """Counts of the catalogue's content. `images` are live; `waiting` are holds that wait for a person."""

    products: int
    images: int
    publications: int
    holds: int
    approvals: int
    waiting: int


class Catalog:
    """An opened database; a context manager that closes it.

    Each method is one transaction and may be called from several threads, processes and machines at once. If the
    database fails, all raise TransientError if trying again can help, otherwise StorageError.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """The catalogue at `url` (`sqlite:///PATH`, `postgresql://…`), created or upgraded if necessary.

        Raises ConfigError for any other URL, StorageError if a newer version of this code has upgraded it.
        """
        engine = open_engine(url)
        upgrade(engine)
        return cls(engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def place(self) -> str:
        """The URL without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    @contextmanager
    def lease(self, *, alone: bool) -> Iterator[None]:
        """Hold a lease of the catalogue's site, shared with others or `alone`.

        With `alone`, raises TransientError if somebody else holds one. The lease ends with the block or the process.
        """
        with leases.lease(self._engine, alone=alone):
            yield

    @property
    def history(self) -> CatalogHistory:
        """The history of the catalogue, and rollbacks to earlier states."""
        return CatalogHistory(self._engine)

    @property
    def journal(self) -> CatalogJournal:
        """What of this catalogue belongs in its journal, and how it is restored from one."""
        return CatalogJournal(self._engine)

    @property
    def holds(self) -> CatalogHolds:
        """The deliveries that wait for a person, and what people decided about them."""
        return CatalogHolds(self._engine)

    @property
    def renditions(self) -> CatalogRenditions:
        """The renditions of live images."""
        return CatalogRenditions(self._engine)

    def published(self, delivery_id: str) -> pa.Table:
        """The live images of a delivery id, in the columns of `PUBLISHED`."""
        with looking(self._engine) as connection:
            return live_images.published(connection, delivery_id)

    def live_contents(self, delivery_id: str, image_ids: Sequence[str]) -> set[tuple[str, str]]:
        """The id and sha256 of those of these images of the delivery id that are live."""
        with looking(self._engine) as connection:
            return live_images.live_contents(connection, delivery_id, image_ids)

    def brought_back(self, delivery: DeliveryKey) -> set[str]:
        """The ids of live images that a delivery of that id and day does not withdraw, because a person undid a full
        delivery of that day or a later one, which brought them back."""
        with looking(self._engine) as connection:
            return live_images.brought_back(connection, delivery)

    def live(self) -> pa.Table:
        """All live images, in the columns of `LIVE`."""
        with looking(self._engine) as connection:
            return live_images.live(connection)

    def version(self, delivery_id: str) -> int:
        """The version of a delivery id's live images: the newest publication that changed them, 0 before the first.

        Read it before `published`, so that publications in between are detected when the decision is published.
        """
        with looking(self._engine) as connection:
            return live_images.version(connection, delivery_id)

    def overtaken(self, delivery: DeliveryKey, *, against: int, plan_id: str) -> bool:
        """Whether another plan of the same delivery was published after version `against`."""
        with looking(self._engine) as connection:
            return reading.overtaken(connection, delivery, against, plan_id)

    def full_since(self, delivery_id: str) -> date | None:
        """The newest day of a full publication of the delivery id, None if there is none."""
        with looking(self._engine) as connection:
            return reading.full_since(connection, delivery_id)

    def taken_back(self, delivery_id: str) -> tuple[TakenBack, ...]:
        """The image versions of the delivery id that a person took back."""
        with looking(self._engine) as connection:
            return reading.taken_back_of(connection, delivery_id)

    def publish(self, entries: Iterable[CatalogEntry] | Iterable[pa.RecordBatch], draft: Draft) -> Publication:
        """Make the entries (or record batches with the columns of `ENTRIES`) live, atomically and once per gate.

        Calling this again for the same gate changes nothing, reads no entries and returns the recorded publication. An
        entry that is already live without any difference is confirmed. An entry whose live row was delivered on a later
        day is superseded and has no effect.
        Raises OvertakenError and changes nothing if the delivery id is not in the draft's version any more. Raises
        CutoutsError if the gate held the delivery and nobody approved it, ValueError for an entry of another delivery.
        """
        if known := self.publication_of(draft.gate_id):
            return known
        with telling(self._engine), self._engine.connect() as connection:
            publishing.stage(connection, entries, draft.delivery, draft.withdraw or ())
            with writing(connection, f"delivery/{draft.delivery.delivery_id}"):
                if known := reading.publication(connection, draft.gate_id):
                    return known
                publishing.require_version(connection, draft.delivery, draft.against)
                approving = approving_gate(connection, draft.gate_id, draft.approval)
                publishing.take_over(connection, draft, approving)
                return reading.found(reading.publication(connection, draft.gate_id))

    def publication_of(self, gate_id: str) -> Publication | None:
        """The publication of a gate decision, None if there is none."""
        with looking(self._engine) as connection:
            return reading.publication(connection, gate_id)

    def live_images(self, named: str, *, delivery_id: str | None = None) -> tuple[tuple[CatalogEntry, int], ...]:
        """The live images with that image id or product id (of one delivery id, if given), and their publication ids.

        The newest days of delivery come first, at most 100 images.
        """
        with looking(self._engine) as connection:
            return live_images.live_images(connection, named, delivery_id, at_most=100)

    def deliveries_not_made_by(self, recipe: RecipeDigests) -> tuple[DeliveryKey, ...]:
        """The deliveries with live images from another recipe, the oldest first."""
        with looking(self._engine) as connection:
            return live_images.deliveries_not_made_by(connection, recipe)

    def decisions_on(
        self, delivery_id: str, *, day: date | None = None, also: int | None = None, at_most: int = 20
    ) -> tuple[Publication | Hold, ...]:
        """The publications and holds of a delivery id, if given only of one `day`, the newest first, at most `at_most`;
        and the publication of the number `also`, however old it is."""
        with looking(self._engine) as connection:
            return reading.decisions_on(connection, delivery_id, day, also, at_most)

    def gates_on(self, delivery: DeliveryKey) -> tuple[str, ...]:
        """The ids of the gate's decisions that published the delivery or held it, the oldest first."""
        with looking(self._engine) as connection:
            return reading.gates_on(connection, delivery)

    def gates_since(self, at: datetime) -> tuple[str, ...]:
        """The ids of the gate's decisions that were published after a moment (aware) and that no person released, the
        oldest first. Publications that were taken back do not count."""
        with looking(self._engine) as connection:
            return reading.gates_since(connection, at)

    def last_publications(self, at_most: int) -> tuple[Publication, ...]:
        """The newest publications that made images live, the newest first."""
        with looking(self._engine) as connection:
            return reading.last_publications(connection, at_most)

    def unannounced(
        self, *, before: datetime | None = None, delivery: DeliveryKey | None = None
    ) -> tuple[Publication, ...]:
        """Publications that changed something and were not announced yet, the oldest first.

        If given, only those made `before` a moment (aware), and only those of one `delivery`.
        """
        with looking(self._engine) as connection:
            return reading.unannounced(connection, before=before, delivery=delivery)

    def mark_announced(self, publication_ids: Collection[int], at: datetime) -> None:
        """Record that these publications were announced; `at` is aware."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "announcements"):
            publishing.mark_announced(connection, publication_ids, at)

    def review(self, delivery: DeliveryKey, images: Collection[ImageReview]) -> None:
        """Record what a person said about single images of a delivery. The newest word about an image counts."""
        with writing_delivery(self._engine, delivery) as connection:
            reviews.record(connection, images)

    def reviews(self, delivery_id: str | None = None) -> tuple[ImageReview, ...]:
        """The newest review of each version of an image, the oldest first; of one delivery id if given."""
        with looking(self._engine) as connection:
            return reviews.newest(connection, delivery_id=delivery_id)

    def settled(self, *, at_most: int, skip: int = 0) -> tuple[tuple[Publication | HoldRejection, ...], int]:
        """Publications of the gate and rejections of holds, the newest first, and the number of all of them."""
        with looking(self._engine) as connection:
            return reading.settled(connection, at_most, skip)

    def own_faults(self) -> tuple[str, ...]:
        """What the database finds wrong in its own file."""
        with looking(self._engine) as connection:
            return tuple(comparing.own_faults(connection))

    def moment(self) -> tuple[object, ...]:
        """A value that changes with every publication, hold, review and record of the journal."""
        with looking(self._engine) as connection:
            return comparing.moment(connection)

    def differences(self, expected: Catalog) -> tuple[Difference, ...]:
        """The rows that are not exactly as in another catalogue, and those that this one lacks."""
        with looking(self._engine) as mine, looking(expected._engine) as other:
            return tuple(comparing.differences(mine, other))

    def counts(self) -> CatalogCounts:
        """Counts of the catalogue's content."""
        with looking(self._engine) as connection:
            return CatalogCounts(
                products=_count(connection, sql_tables.products),
                images=_count(connection, sql_tables.cutouts),
                publications=_count(connection, sql_tables.publications),
                holds=_count(connection, sql_tables.holds),
                approvals=_count(connection, sql_tables.approvals),
                waiting=_count(connection, sql_tables.holds, held.waiting()),
            )


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return reading.found(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)))
