"""The deliveries that wait for a person, and what people decided about them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from cutouts.adapters.catalog import deciding, held, leases, reviews
from cutouts.adapters.catalog.engine import looking, writing_delivery
from cutouts.adapters.catalog.reading import found
from cutouts.adapters.catalog.sql_tables import holds
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.publications import Approval, Hold, HoldRejection
from cutouts.core.records import DeliveryKey
from cutouts.core.reviews import ImageReview


class CatalogHolds:
    """The holds in a catalogue's database. Each method is one transaction and raises the errors of `Catalog`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def turn(self, delivery: DeliveryKey) -> Iterator[None]:
        """Wait until nobody else decides about that delivery id, and keep others from it during the block.

        Ids share sixteen locks, so now and then somebody who decides about another id waits, too.
        """
        with leases.turn(self._engine, f"decisions-{hashlib.sha256(delivery.delivery_id.encode()).hexdigest()[0]}"):
            yield

    def record(self, decision: GateDecision, at: datetime) -> None:
        """Record that the gate held a delivery. Recording the same gate again changes nothing.

        Raises ValueError for another verdict. `at` is aware.
        """
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
        with writing_delivery(self._engine, decision.delivery) as connection:
            known = sa.select(holds.c.gate_id).where(holds.c.gate_id == decision.gate_id)
            if connection.scalar(known) is None:
                connection.execute(sa.insert(holds), row)

    def waiting(self, named: str) -> tuple[Hold, ...]:
        """The waiting holds with that gate id, delivery id or delivery key, the oldest first.

        If several have the same content, only the newest of them is returned.
        """
        with looking(self._engine) as connection:
            return held.waiting_holds(connection, named)

    def all_waiting(self) -> tuple[Hold, ...]:
        """Every hold that waits for a person, the oldest first; only the newest of several with the same content."""
        with looking(self._engine) as connection:
            return held.all_waiting_holds(connection)

    def word_about(self, named: str) -> Approval | HoldRejection | None:
        """What a person decided about the newest hold with that gate id, delivery id or delivery key; None if nobody
        did."""
        with looking(self._engine) as connection:
            return held.word_about(connection, named)

    def approve(self, approval: Approval, images: Collection[ImageReview] = ()) -> Approval:
        """Record a person's approval of a hold and return the recorded one; of two approvals, the first counts.

        What the person said about single `images` is recorded with it. If the hold was approved before, it is not.
        Raises CutoutsError if that gate held nothing or another delivery, or if the hold was rejected.
        """
        with writing_delivery(self._engine, approval.delivery) as connection:
            if held.approval(connection, approval.gate_id) is None:
                reviews.record(connection, images)
            deciding.record_approval(connection, approval)
            return found(held.approval(connection, approval.gate_id))

    def reject(self, rejection: HoldRejection) -> HoldRejection:
        """Record a person's rejection of a hold and return the recorded one; of two rejections, the first counts.

        Raises CutoutsError if that gate held nothing or another delivery, or if the hold was approved.
        """
        with writing_delivery(self._engine, rejection.delivery) as connection:
            deciding.record_rejection(connection, rejection)
            return found(held.rejection_for(connection, rejection.judged))

    def approval_for(self, judged: str) -> Approval | None:
        """The first approval of exactly that content, recipe and suite (`GateDecision.judged`), None without any."""
        with looking(self._engine) as connection:
            return held.approval_for(connection, judged)

    def rejection_for(self, judged: str) -> HoldRejection | None:
        """The rejection of exactly that content, recipe and suite, None if there is none."""
        with looking(self._engine) as connection:
            return held.rejection_for(connection, judged)
