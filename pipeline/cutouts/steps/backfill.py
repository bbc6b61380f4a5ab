"""backfill: finds the images of older deliveries that must be processed again, and plans them like any delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.survey import DeliveryWork, Survey, Why
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, TransientError
from cutouts.core.records import DeliveryKey, Plan, Receipt, RecipeDigests
from cutouts.core.table_paths import plan_file, shard_file
from cutouts.stages import job_of
from cutouts.steps.backfill_rows import LiveOf, live_of, selected_rows, wanted_by
from cutouts.steps.live_doubts import live_doubts
from cutouts.steps.plan import plan
from cutouts.steps.quarantine import reasons_of
from cutouts.steps.wishes import with_model

SourceOf = Callable[[Site, DeliveryKey], str]
"""Returns the manifest that a delivery was taken from."""

_RECENT = 20
"""The number of newest publications whose receipts are used to measure the speed of cutting."""


def candidates(
    site: Site, selection: BackfillSelection, taken: Callable[[], tuple[DeliveryKey, ...]]
) -> list[DeliveryKey]:
    """The deliveries that a selection may cover, in its order: from those that were `taken`, or, for `stale` images,
    from what is live."""
    if selection.stale:
        with Catalog.open(site.catalog_url) as catalog:
            keys = catalog.deliveries_not_made_by(job_of(site).recipe.digests)
    else:
        keys = taken()
    return sorted(filter(selection.covers, keys), reverse=selection.newest_first)


def look_at(
    site: Site,
    selection: BackfillSelection,
    delivery: DeliveryKey,
    source_of: SourceOf,
    live_images: LiveOf,
) -> DeliveryWork:
    """The work to do in one delivery. If the delivery cannot be used, the result has its `problem`. Raises
    TransientError."""
    try:
        found = selected_rows(site, selection, delivery, source_of(site, delivery), live_images)
    except TransientError:
        raise
    except (CutoutsError, FileNotFoundError) as error:
        return DeliveryWork(delivery=delivery, problem=str(error))
    counts = {one: int(np.count_nonzero(found.why == str(one))) for one in Why}
    cut = found.rows.filter(pa.array(found.todo)).column("bytes")
    again = found.ids(found.why == str(Why.QUARANTINED)).to_pylist()
    return DeliveryWork(
        delivery=delivery,
        reasons={one: count for one, count in counts.items() if count},
        todo=int(found.todo.sum()),
        bytes=pc.sum(cut).as_py() or 0,
        unsized=cut.null_count,
        quarantined_for=reasons_of(found.quarantined, again),
    )


def plan_part(
    site: Site, selection: BackfillSelection, delivery: DeliveryKey, source_of: SourceOf, *, at_most: int | None = None
) -> Plan | None:
    """Plan the work of a backfill in one delivery, with `at_most` that many images to cut; None if there is no work.

    If it is called again after an interruption, it returns the same plan.
    """
    source = source_of(site, delivery)
    found = selected_rows(site, selection, delivery, source, live_of(site))
    chosen = np.isin(found.why, [str(one) for one in wanted_by(selection)])
    if at_most is not None:
        chosen &= ~found.todo | (np.cumsum(found.todo) <= at_most)
    if not chosen.any():
        return None
    only = found.ids(chosen)
    gates = {found.quarantined[name].gate_id for name in only.to_pylist()} if selection.quarantined else ()
    return plan(site, source, delivery, only=only, second_try_of=tuple(gates))


def site_of(site: Site, selection: BackfillSelection) -> Site:
    """The site, with the network of the selection if it is an upgrade or a second try."""
    return with_model(site, selection.model or "")


def stale_images(
    site: Site,
    selection: BackfillSelection,
    delivery: DeliveryKey,
    source_of: SourceOf,
    live_images: LiveOf,
) -> pa.Table:
    """The stale images of a delivery: `image_id`, and the `doubt` about the live mask (0..1)."""
    found = selected_rows(site, selection, delivery, source_of(site, delivery), live_images)
    ids = found.ids(found.why == str(Why.STALE))
    live = live_images(delivery.delivery_id)
    live = live.filter(pc.is_in(live.column("image_id"), value_set=ids))
    return pa.table({"image_id": live.column("image_id"), "doubt": pa.array(live_doubts(site, live))})


def measured_speed(site: Site, recipe: RecipeDigests) -> float | None:
    """Images per second, from the receipts of the newest publications under this recipe; None if nothing was cut."""
    tables = open_store(site.tables_url)
    with Catalog.open(site.catalog_url) as catalog:
        plans = [one.plan_id for one in catalog.last_publications(_RECENT)]
    receipts = [receipt for plan_id in dict.fromkeys(plans) for receipt in _receipts(tables, plan_id, recipe)]
    seconds = sum(receipt.wall_seconds for receipt in receipts)
    cut = sum(receipt.cut + receipt.rejected for receipt in receipts)
    return cut / seconds if cut and seconds else None


def survey_of(site: Site, selection: BackfillSelection, deliveries: list[DeliveryWork]) -> Survey:
    """The survey of a whole backfill, from the work found in its deliveries."""
    recipe = job_of(site).recipe.digests
    return Survey(
        backfill_id=selection.backfill_id(recipe),
        deliveries=tuple(deliveries),
        images_per_second=measured_speed(site, recipe),
    )


def _receipts(tables: Store, plan_id: str, recipe: RecipeDigests) -> Iterator[Receipt]:
    found = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
    if found is None:
        return
    for shard in found.shard_keys():
        same = found.network_of(shard.index).recipe == recipe
        if same and (receipt := find_record(tables, shard_file(shard, "receipt.json"), Receipt)):
            yield receipt
