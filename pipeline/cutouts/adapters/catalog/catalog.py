"""The catalogue: what is live, how it came to be, and what waits for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Self, TypeVar

import pyarrow as pa
import sqlalchemy as sa

from cutouts.adapters.catalog import leases, live_images, publishing, reading, sql_tables
from cutouts.adapters.catalog.catalog_history import CatalogHistory
from cutouts.adapters.catalog.engine import open_engine, telling, writing
from cutouts.adapters.catalog.migrate import upgrade
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.publications import Approval, CatalogEntry, Hold, HoldRejection, Publication, TakenBack
from cutouts.core.records import DeliveryKey, RecipeDigests

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCounts:
    """How much the catalogue holds; `images` are live, `waiting` are holds that nothing was published for."""

    products: int
    images: int
    publications: int
    holds: int
    approvals: int
    waiting: int


class Catalog:
    """One database, opened; a context manager that closes it.

    Each method is one transaction and may be called from several threads, processes and machines at once. All raise
    TransientError if the database says what trying again can help, StorageError for what it says otherwise.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """The catalogue at `url` (`sqlite:///PATH`, `postgresql://…`), made or upgraded where that is due.

        Raises ConfigError for any other URL, StorageError if a newer version of this code upgraded it.
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

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def lease(self, *, alone: bool) -> Iterator[None]:
        """Work on the catalogue's site beside others, or `alone`: TransientError if somebody works on it then.

        The lease ends with the block, and with the process.
        """
        with leases.lease(self._engine, alone=alone):
            yield

    @property
    def history(self) -> CatalogHistory:
        """What was live before, and the way back to it."""
        return CatalogHistory(self._engine)

    def published(self, delivery_id: str) -> pa.Table:
        """What is live of a delivery id, in the columns of `PUBLISHED`."""
        with self._reading() as connection:
            return live_images.published(connection, delivery_id)

    def live(self) -> pa.Table:
        """All that is live, in the columns of `LIVE`."""
        with self._reading() as connection:
            return live_images.live(connection)

    def version(self, delivery_id: str) -> int:
        """The version of what is live of a delivery id: its newest publication that changed it, 0 before the first.

        Read it before `published`: what is published in between is then found when the decision is published.
        """
        with self._reading() as connection:
            return live_images.version(connection, delivery_id)

    def overtaken(self, delivery: DeliveryKey, *, against: int, plan_id: str) -> bool:
        """Whether another plan of the same delivery was published after version `against`."""
        with self._reading() as connection:
            return reading.overtaken(connection, delivery, against, plan_id)

    def full_since(self, delivery_id: str) -> date | None:
        """The newest day that a publication of the delivery id was full, None if none was."""
        with self._reading() as connection:
            return reading.full_since(connection, delivery_id)

    def taken_back(self, delivery_id: str) -> tuple[TakenBack, ...]:
        """The versions of images of the delivery id that a person took back."""
        with self._reading() as connection:
            return reading.taken_back_of(connection, delivery_id)

    def publish(
        self,
        entries: Iterable[CatalogEntry] | Iterable[pa.RecordBatch],
        *,
        gate_id: str,
        plan_id: str,
        delivery: DeliveryKey,
        at: datetime,
        against: int | None = None,
        approval: Approval | None = None,
        withdraw: Iterable[str] | None = None,
    ) -> Publication:
        """Make the entries (or record batches with the columns of `ENTRIES`) live, all at once, exactly once per gate.

        The same gate again changes nothing, reads no entry and returns what is recorded. An entry that is live already,
        exactly so, is confirmed; one whose live row was delivered on a later day is superseded and left alone. `at` is
        aware. With `against`, OvertakenError is raised and nothing changes if `version` is another one by now. An
        approval that is given (of this or an earlier gate over the same delivery) is recorded too. With
        `withdraw` (also an empty one) the delivery is full: these images are not live any more, unless a later day
        delivered them, and deliveries of earlier days are superseded by it.
        CutoutsError if the gate held the delivery and nobody approved it; ValueError for an entry of another one.
        """
        known = self.publication_of(gate_id)
        if known is not None:
            return known
        with telling(self._engine), self._engine.connect() as connection:
            publishing.stage(connection, entries, delivery, withdraw or ())
            with writing(connection, f"delivery/{delivery.delivery_id}"):
                known = reading.publication(connection, gate_id)
                if known is not None:
                    return known
                publishing.require_version(connection, delivery, against)
                approving = publishing.approving_gate(connection, gate_id, approval)
                draft = {
                    "gate_id": gate_id,
                    "plan_id": plan_id,
                    "at": at,
                    "approval_gate_id": approving,
                    "is_full": withdraw is not None,
                }
                publishing.take_over(connection, draft, delivery)
                return _found(reading.publication(connection, gate_id))

    def publication_of(self, gate_id: str) -> Publication | None:
        """What was published by a gate decision, None if nothing was."""
        with self._reading() as connection:
            return reading.publication(connection, gate_id)

    def live_images(
        self, named: str, *, delivery_id: str | None = None, at_most: int = 100
    ) -> tuple[tuple[CatalogEntry, int], ...]:
        """What is live under that image id or product id, of one delivery id if given, with its publication's id."""
        with self._reading() as connection:
            return live_images.live_images(connection, named, delivery_id, at_most)

    def deliveries_not_made_by(self, recipe: RecipeDigests) -> tuple[DeliveryKey, ...]:
        """The deliveries of which something is live that another recipe made, the oldest first."""
        with self._reading() as connection:
            return live_images.deliveries_not_made_by(connection, recipe)

    def decisions_on(self, delivery_id: str, *, at_most: int = 20) -> tuple[Publication | Hold, ...]:
        """What was published or held of a delivery id, the newest first."""
        with self._reading() as connection:
            return reading.decisions_on(connection, delivery_id, at_most)

    def last_publications(self, at_most: int) -> tuple[Publication, ...]:
        """The newest publications that changed something, the newest first."""
        with self._reading() as connection:
            return reading.last_publications(connection, at_most)

    def unannounced(
        self, *, before: datetime | None = None, delivery: DeliveryKey | None = None
    ) -> tuple[Publication, ...]:
        """Publications that changed something and that nobody was told of yet, the oldest first.

        Only those made `before` a moment (aware), and those of one `delivery`, if these are given.
        """
        with self._reading() as connection:
            return reading.unannounced(connection, before=before, delivery=delivery)

    def mark_announced(self, publication_ids: Collection[int], at: datetime) -> None:
        """Record that these publications were announced; `at` is aware."""
        with telling(self._engine), self._engine.connect() as connection, writing(connection, "announcements"):
            publishing.mark_announced(connection, publication_ids, at)

    def record_hold(self, decision: GateDecision, at: datetime) -> None:
        """Record that the gate held a delivery; the same gate again changes nothing. ValueError for another verdict."""
        if decision.verdict is not Verdict.HOLD:
            raise ValueError(f"gate {decision.gate_id} did not hold {decision.delivery}")
        row = {
            "gate_id": decision.gate_id,
            "judged": decision.judged,
            "plan_id": decision.plan_id,
            "delivery_id": decision.delivery.delivery_id,
            "delivery_date": decision.delivery.date,
            "reasons": list(decision.reasons),
            "at": at,
        }
        with self._writing(decision.delivery) as connection:
            held = sa.select(sql_tables.holds.c.gate_id).where(sql_tables.holds.c.gate_id == decision.gate_id)
            if connection.scalar(held) is None:
                connection.execute(sa.insert(sql_tables.holds), row)

    def waiting_holds(self, named: str) -> tuple[Hold, ...]:
        """Holds of that gate id, delivery id or delivery key for which nothing was published yet, the oldest first.

        Of several over the same content, the newest.
        """
        with self._reading() as connection:
            return reading.waiting_holds(connection, named)

    def approve(self, approval: Approval) -> Approval:
        """Record a person's release of a hold and return what is recorded: of two approvals, the first counts.

        CutoutsError if that gate held nothing, or another delivery, or if it was rejected.
        """
        with self._writing(approval.delivery) as connection:
            publishing.record_approval(connection, approval)
            return _found(reading.approval(connection, approval.gate_id))

    def all_waiting_holds(self) -> tuple[Hold, ...]:
        """Every hold that waits for a person, the oldest first. Of several over the same content, the newest."""
        with self._reading() as connection:
            return reading.all_waiting_holds(connection)

    def reject(self, rejection: HoldRejection) -> HoldRejection:
        """Record a person's rejection of a hold and return what is recorded: of two rejections, the first counts.

        CutoutsError if that gate held nothing, or another delivery, or if it was approved.
        """
        with self._writing(rejection.delivery) as connection:
            publishing.record_rejection(connection, rejection)
            return _found(reading.rejection_for(connection, rejection.judged))

    def rejection_for(self, judged: str) -> HoldRejection | None:
        """The rejection of exactly that content, recipe and suite, None if nobody rejected it."""
        with self._reading() as connection:
            return reading.rejection_for(connection, judged)

    def approval_for(self, judged: str) -> Approval | None:
        """The first release of exactly that content, recipe and suite (`GateDecision.judged`), None if none was."""
        with self._reading() as connection:
            return reading.approval_for(connection, judged)

    def counts(self) -> CatalogCounts:
        """How much the catalogue holds."""
        with self._reading() as connection:
            return CatalogCounts(
                products=_count(connection, sql_tables.products),
                images=_count(connection, sql_tables.cutouts),
                publications=_count(connection, sql_tables.publications),
                holds=_count(connection, sql_tables.holds),
                approvals=_count(connection, sql_tables.approvals),
                waiting=_count(connection, sql_tables.holds, reading.waiting()),
            )

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with telling(self._engine), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _writing(self, delivery: DeliveryKey) -> Iterator[sa.Connection]:
        lock = f"delivery/{delivery.delivery_id}"
        with telling(self._engine), self._engine.connect() as connection, writing(connection, lock):
            yield connection


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return _found(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)))


def _found(value: T | None) -> T:
    assert value is not None
    return value
