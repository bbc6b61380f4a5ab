"""Small catalogue records with something in every field."""

from __future__ import annotations

from datetime import UTC, date, datetime

from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.publications import Approval, CatalogEntry, Hold, HoldRejection, Publication
from cutouts.core.records import DeliveryKey, RecipeDigests

MONDAY = DeliveryKey(date=date(2026, 11, 16), delivery_id="acme")
TUESDAY = DeliveryKey(date=date(2026, 11, 17), delivery_id="acme")
NOON = datetime(2026, 11, 17, 12, 0, 0, 123456, tzinfo=UTC)
RECIPE = RecipeDigests(matte_digest="matte-1", render_digest="render-1")


def entry(
    name: str, delivery: DeliveryKey = MONDAY, *, content: str = "first", recipe: RecipeDigests = RECIPE
) -> CatalogEntry:
    """An image `name` of a separate product, with `content`."""
    return CatalogEntry(
        image_id=f"{name}.jpg",
        product_id=name,
        delivery=delivery,
        cutout=f"cutout-{content}-{name}.png",
        mask=f"mask-{content}-{name}.png",
        sha256=f"{content}-{name}",
        recipe=recipe,
        width_px=640,
        height_px=480,
    )


def held(gate_id: str, delivery: DeliveryKey = MONDAY, *, judged: str = "judged-1") -> GateDecision:
    """A decision that holds ten images back."""
    return GateDecision(
        gate_id=gate_id,
        judged=judged,
        plan_id="plan",
        delivery=delivery,
        against=0,
        recipe=RECIPE,
        verdict=Verdict.HOLD,
        reasons=("30 % show no product", "zu dunkel — «Studio 3»"),
        images=10,
        published=0,
        quarantined=0,
        held=10,
        rejected=0,
        skipped=0,
        expectations=(),
    )


def hold_of(decision: GateDecision) -> Hold:
    """The record of `held` at NOON."""
    return Hold(
        judged=decision.judged,
        gate_id=decision.gate_id,
        plan_id=decision.plan_id,
        delivery=decision.delivery,
        reasons=decision.reasons,
        at=NOON,
    )


def approval(gate_id: str, delivery: DeliveryKey = MONDAY, *, judged: str = "judged-1") -> Approval:
    """Ada's release."""
    return Approval(judged=judged, gate_id=gate_id, delivery=delivery, by="Ada", why="looked at them all", at=NOON)


def rejection(gate_id: str, delivery: DeliveryKey = MONDAY, *, judged: str = "judged-1") -> HoldRejection:
    """Ada's rejection."""
    return HoldRejection(judged=judged, gate_id=gate_id, delivery=delivery, by="Ada", why="all are dark", at=NOON)


def publication(delivery: DeliveryKey = MONDAY, **counts: int) -> Publication:
    """The first publication, by `gate` at NOON."""
    published, confirmed = counts.get("published", 0), counts.get("confirmed", 0)
    return Publication(
        publication_id=1,
        gate_id="gate",
        plan_id="plan",
        delivery=delivery,
        at=NOON,
        published=published,
        confirmed=confirmed,
        superseded=counts.get("superseded", 0),
        approval=None,
    )
