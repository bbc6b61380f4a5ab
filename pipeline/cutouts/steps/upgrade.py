"""upgrade: compares the masks of another network with the live ones, and plans the publication of those not worse."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import find_record, write_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.records import Plan
from cutouts.core.table_paths import backfill_file, plan_file
from cutouts.core.upgrades import Canary
from cutouts.steps.backfill import SourceOf
from cutouts.steps.doubts import p_bad_of
from cutouts.steps.lease import at_work
from cutouts.steps.live_doubts import UNKNOWN, live_doubts
from cutouts.steps.networks import calibrations_of
from cutouts.steps.plan import plan
from cutouts.steps.reconciliation import reconciled


@at_work
def compared(site: Site, planned: Plan) -> pa.Table:
    """The doubt about each mask of a plan whose shards are cut, and about the live mask of the same image.

    Columns: `image_id`, `before` and `after` (0..1). Images that could not be cut, or that are not live, are left out.
    The results are added to the ledger, so they are not cut again. Raises BooksError like `gate`.
    """
    tables = open_store(site.tables_url)
    images = read_table(tables, plan_file(planned.plan_id, "delivery.parquet"))
    metrics = reconciled(tables, planned, images).metrics
    after = pc.fill_null(p_bad_of(metrics, calibrations_of(site, planned)), UNKNOWN)
    with Catalog.open(site.catalog_url) as catalog:
        live = catalog.published(planned.delivery.delivery_id)
    at = pc.index_in(live.column("image_id"), value_set=metrics.column("image_id"))
    live = live.filter(pc.is_valid(at))
    return pa.table(
        {
            "image_id": live.column("image_id"),
            "before": pa.array(live_doubts(site, live), pa.float64()),
            "after": after.take(at.drop_null().combine_chunks()).cast(pa.float64()),
        }
    )


def without_worse(site: Site, planned: Plan, found: pa.Table, source_of: SourceOf) -> Plan | None:
    """A plan of the same delivery for the images whose new mask is not worse than the live one; None if all are worse.

    `found` is from `compared`. Nothing is left to be cut for it.
    """
    better = found.filter(pc.less_equal(found.column("after"), found.column("before"))).column("image_id")
    if not len(better):
        return None
    return plan(site, source_of(site, planned.delivery), planned.delivery, only=better.combine_chunks())


def find_canary(site: Site, upgrade_id: str) -> Canary | None:
    """The canary of an upgrade; None if it has none yet."""
    return find_record(open_store(site.tables_url), backfill_file(upgrade_id, "canary.json"), Canary)


def keep_canary(site: Site, upgrade_id: str, canary: Canary) -> None:
    """Record the canary of an upgrade."""
    write_record(open_store(site.tables_url), backfill_file(upgrade_id, "canary.json"), canary)
