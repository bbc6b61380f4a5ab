"""Writes the tables and the hold of a decision, so that pages of thousands of images can be tested."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import write_record
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.core.config import Site
from cutouts.core.decisions import ExpectationOutcome, GateDecision, Verdict
from cutouts.core.records import DeliveryKey, RecipeDigests
from cutouts.core.table_paths import gate_file
from cutouts.schemas.tables import OUTCOMES

HOSTILE = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>'
"""Text of a stranger that would run if a page did not escape it."""
RECIPE = RecipeDigests(matte_digest="0a1b2c3d4e5f6071", render_digest="1122334455667788")
_HOLD = f"too many images are bad {HOSTILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeGate:
    """A decision that was written, and the ids of its images."""

    decision: GateDecision
    image_ids: tuple[str, ...]


def make_gate(site: Site, images: int, *, at: datetime, day: date, delivery_id: str = HOSTILE[:200]) -> MadeGate:
    """Hold a delivery of so many images. Every tenth is bad by itself; `p_bad` grows with the number."""
    delivery = DeliveryKey(date=day, delivery_id=delivery_id)
    names = tuple(f"{number:06}{HOSTILE if number % 100 == 0 else ''}.jpg" for number in range(images))
    decision = GateDecision(
        gate_id=f"{images:032x}",
        judged=f"judged-{images}",
        plan_id="plan",
        delivery=delivery,
        recipe=RECIPE,
        verdict=Verdict.HOLD,
        reasons=(_HOLD,),
        images=images,
        published=0,
        quarantined=0,
        held=images,
        rejected=0,
        skipped=0,
        expectations=(
            ExpectationOutcome(
                expectation="between",
                column="coverage",
                action="hold",
                words=HOSTILE,
                success=False,
                observed=HOSTILE,
                failing=1,
            ),
        ),
    )
    tables = open_store(site.tables_url)
    rows = [_row(name, number, images, delivery) for number, name in enumerate(names)]
    write_table(tables, gate_file(decision.gate_id, "outcomes.parquet"), pa.Table.from_pylist(rows, OUTCOMES))
    write_record(tables, gate_file(decision.gate_id, "decision.json"), decision)
    with Catalog.open(site.catalog_url) as catalog:
        catalog.holds.record(decision, at)
    return MadeGate(decision=decision, image_ids=names)


def _row(name: str, number: int, images: int, delivery: DeliveryKey) -> dict[str, object]:
    digest = f"{number:064x}"
    return {
        "image_id": name,
        "product_id": HOSTILE,
        "delivery_id": delivery.delivery_id,
        "uri": f"/nowhere/{name}",
        "sha256": digest,
        "matte_digest": RECIPE.matte_digest,
        "render_digest": RECIPE.render_digest,
        "outcome": "held",
        "reasons": [_HOLD, *([f"torn {HOSTILE}"] if number % 10 == 0 else [])],
        "mask": f"{digest[:2]}/{digest}.png",
        "cutout": f"{digest[:2]}/{digest}.png",
        "width_px": 4000,
        "height_px": 5000,
        "p_bad": number / images,
        "calibration": "test",
        "notes": [HOSTILE] if number == 0 else [],
    }
