"""Records what people decide about holds: approvals and rejections."""

from __future__ import annotations

import sqlalchemy as sa

from cutouts.adapters.catalog.held import approval_for, rejection_for
from cutouts.adapters.catalog.publishing import mark_changed
from cutouts.adapters.catalog.sql_tables import approvals, hold_rejections, holds
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Approval, HoldRejection
from cutouts.core.records import DeliveryKey


def approving_gate(connection: sa.Connection, gate_id: str, approval: Approval | None) -> str | None:
    """The gate whose approved hold permits `gate_id` to publish; None if it needs none. Records a given approval.

    Raises CutoutsError if `gate_id` held the delivery and nobody approved the content that it judged.
    """
    if approval is not None:
        record_approval(connection, approval)
    held = connection.execute(sa.select(holds).where(holds.c.gate_id == gate_id)).one_or_none()
    if held is None:
        return approval.gate_id if approval else None
    released = approval_for(connection, held.judged)
    if released is None:
        raise CutoutsError(f"{held.delivery_date}/{held.delivery_id} is held: `cutouts publish --approve` releases it")
    return released.gate_id


def record_approval(connection: sa.Connection, approval: Approval) -> None:
    """Record an approval, unless the gate is approved already.

    Raises CutoutsError if the content was rejected, or if that gate held nothing or something else.
    """
    _require_held(connection, approval, "approve")
    if rejected := rejection_for(connection, approval.judged):
        raise CutoutsError(f"{approval.delivery} was rejected by {rejected.by}: {rejected.why}")
    approved = sa.select(approvals.c.gate_id).where(approvals.c.gate_id == approval.gate_id)
    if connection.scalar(approved) is None:
        row = {"gate_id": approval.gate_id, "approved_by": approval.by, "why": approval.why, "at": approval.at}
        connection.execute(sa.insert(approvals), row)
        mark_changed(connection, holds, holds.c.gate_id == approval.gate_id)


def record_rejection(connection: sa.Connection, rejection: HoldRejection) -> None:
    """Record a rejection, unless the content is rejected already.

    Raises CutoutsError if the content was approved, or if that gate held nothing or something else.
    """
    _require_held(connection, rejection, "reject")
    if approved := approval_for(connection, rejection.judged):
        raise CutoutsError(f"{rejection.delivery} was released by {approved.by}: {approved.why}")
    if rejection_for(connection, rejection.judged) is None:
        row = {"gate_id": rejection.gate_id, "rejected_by": rejection.by, "why": rejection.why, "at": rejection.at}
        connection.execute(sa.insert(hold_rejections), row)
        mark_changed(connection, holds, holds.c.gate_id == rejection.gate_id)


def _require_held(connection: sa.Connection, word: Approval | HoldRejection, doing: str) -> None:
    """Raise CutoutsError if the gate of an approval or rejection held nothing, or something else."""
    held = connection.execute(sa.select(holds).where(holds.c.gate_id == word.gate_id)).one_or_none()
    if held is None:
        raise CutoutsError(f"gate {word.gate_id} held nothing: there is nothing to {doing}")
    delivery = DeliveryKey(date=held.delivery_date, delivery_id=held.delivery_id)
    if (delivery, held.judged) != (word.delivery, word.judged):
        raise CutoutsError(
            f"gate {word.gate_id} held other content of {delivery}: name the decision that you looked at"
        )
