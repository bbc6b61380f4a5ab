"""publish: one delivery's outcomes become the catalogue's, in one transaction; a held one only by a person's word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.adapters.catalog import Catalog
from pipeline.adapters.storage.store import Store, open_store
from pipeline.adapters.storage.tables import read_record, read_table
from pipeline.core.config import Site
from pipeline.core.errors import CutoutsError
from pipeline.core.layout import gate_file
from pipeline.core.publications import Approval, Publication
from pipeline.core.records import GateDecision, Outcome, Verdict
from pipeline.steps.gate import gate

_ROWS = 10_000
"""Entries that are on their way to the catalogue at a time."""


def read_decision(site: Site, gate_id: str) -> GateDecision:
    """What the gate decided under that id."""
    return read_record(open_store(site.tables_url), gate_file(gate_id, "decision.json"), GateDecision)


def publish(site: Site, gate_id: str) -> Publication:
    """Publish what the gate let through, exactly once however often it is called.

    Raises CutoutsError for a delivery that is held: `approve` releases it.
    """
    tables = open_store(site.tables_url)
    decision = read_decision(site, gate_id)
    if decision.verdict is Verdict.HOLD:
        raise CutoutsError(
            f"delivery {decision.delivery} is held: {'; '.join(decision.reasons)}. A person releases it with "
            f"cutouts publish --approve {decision.delivery} --by NAME --why TEXT"
        )
    with Catalog.open(site.catalog_url) as catalog:
        return catalog.publish(
            _entries(tables, decision),
            gate_id=gate_id,
            plan_id=decision.plan_id,
            delivery=decision.delivery,
            at=datetime.now(UTC),
            approval=catalog.approval_for(decision.judged),
        )


def approve(site: Site, delivery: str, *, by: str, why: str) -> Publication:
    """Release the last hold of a delivery (its id or its key) by a person's word, judge it again, publish it.

    Images that were bad each for itself stay in quarantine. Raises CutoutsError where nothing is held.
    """
    with Catalog.open(site.catalog_url) as catalog:
        hold = catalog.last_hold(delivery)
        if hold is None:
            raise CutoutsError(f"delivery {delivery!r} has no hold to release")
        catalog.approve(
            Approval(
                judged=hold.judged, gate_id=hold.gate_id, delivery=hold.delivery, by=by, why=why, at=datetime.now(UTC)
            )
        )
    return publish(site, gate(site, hold.plan_id).gate_id)


def _entries(tables: Store, decision: GateDecision) -> Iterator[pa.RecordBatch]:
    """What is to be live: published images, and skipped ones so that the catalogue knows they were delivered again."""
    outcomes = read_table(tables, gate_file(decision.gate_id, "outcomes.parquet"))
    live = pc.is_in(outcomes.column("outcome"), pa.array([str(Outcome.PUBLISHED), str(Outcome.SKIPPED)]))
    yield from outcomes.filter(live).to_batches(max_chunksize=_ROWS)
