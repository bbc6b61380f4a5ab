"""backfill: finds the images of older deliveries that must be processed again, plans them like any delivery, and keeps
the backfill's records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import find_record, write_record
from cutouts.core.backfills import WORK, BackfillPhase, BackfillSelection, BackfillState, DeliveryWork, Survey, Why
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError, TransientError
from cutouts.core.manifests.wishes import stated_contents
from cutouts.core.records import DeliveryKey, Plan, Receipt, RecipeDigests
from cutouts.core.table_paths import BACKFILLS, backfill_file, backfilled_file, plan_file, shard_file
from cutouts.stages import job_of
from cutouts.steps.live_doubts import live_doubts
from cutouts.steps.plan import known_content, plan, read_delivery
from cutouts.steps.wishes import recipe_of_wish, wished_model, with_model

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


def look_at(site: Site, selection: BackfillSelection, delivery: DeliveryKey, source_of: SourceOf) -> DeliveryWork:
    """The work to do in one delivery. If the delivery cannot be used, the result has its `problem`. Raises
    TransientError."""
    try:
        rows, why, todo = _rows(site, selection, delivery, source_of(site, delivery))
    except TransientError:
        raise
    except (CutoutsError, FileNotFoundError) as error:
        return DeliveryWork(delivery=delivery, problem=str(error))
    counts = {one: int(np.count_nonzero(why == str(one))) for one in Why}
    cut = rows.filter(pa.array(todo)).column("bytes")
    return DeliveryWork(
        delivery=delivery,
        reasons={one: count for one, count in counts.items() if count},
        todo=int(todo.sum()),
        bytes=pc.sum(cut).as_py() or 0,
        unsized=cut.null_count,
    )


def plan_part(
    site: Site, selection: BackfillSelection, delivery: DeliveryKey, source_of: SourceOf, *, at_most: int | None = None
) -> Plan | None:
    """Plan the work of a backfill in one delivery, with `at_most` that many images to cut; None if there is no work.

    If it is called again after an interruption, it returns the same plan.
    """
    source = source_of(site, delivery)
    rows, why, todo = _rows(site, selection, delivery, source)
    chosen = np.isin(why, [str(one) for one in _wanted(selection)])
    if at_most is not None:
        chosen &= ~todo | (np.cumsum(todo) <= at_most)
    if not chosen.any():
        return None
    return plan(site, source, delivery, only=rows.filter(pa.array(chosen)).column("image_id").combine_chunks())


def site_of(site: Site, selection: BackfillSelection) -> Site:
    """The site, with the network that the selection upgrades to if it is an upgrade."""
    return site.model_copy(update={"model": selection.model}) if selection.model else site


def stale_images(site: Site, selection: BackfillSelection, delivery: DeliveryKey, source_of: SourceOf) -> pa.Table:
    """The stale images of a delivery: `image_id`, and the `doubt` about the live mask (0..1)."""
    rows, why, _ = _rows(site, selection, delivery, source_of(site, delivery))
    ids = rows.filter(pa.array(why == str(Why.STALE))).column("image_id")
    with Catalog.open(site.catalog_url) as catalog:
        live = catalog.published(delivery.delivery_id)
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


def find_backfill(site: Site, backfill_id: str) -> BackfillState | None:
    """The progress of a backfill; None if no backfill has that id."""
    return find_record(open_store(site.tables_url), backfill_file(backfill_id, "state.json"), BackfillState)


def require_backfill(site: Site, backfill_id: str) -> BackfillState:
    """The progress of a backfill. Raises CutoutsError if no backfill has that id."""
    state = find_backfill(site, backfill_id)
    if state is None:
        raise CutoutsError(f"there is no backfill {backfill_id}: `cutouts status` lists them")
    return state


def note_work(site: Site, backfill_id: str, *, cut: int, seconds: float) -> BackfillState:
    """Add one finished shard to the progress of a backfill. Only the process that cuts its shards may call this, for
    one shard at a time."""
    state = require_backfill(site, backfill_id)
    done = _finished(site, backfill_id)
    return keep_backfill(
        site, replace(state, cut=state.cut + cut, seconds=state.seconds + seconds, deliveries_done=done)
    )


def end_run(site: Site, backfill_id: str, *, failed: bool) -> BackfillState:
    """Record the state of a backfill at the end of a run: done, cancelled, failed, or paused because the budget is used
    up."""
    state = require_backfill(site, backfill_id)
    state = replace(state, deliveries_done=_finished(site, backfill_id))
    if is_cancelled(site, backfill_id):
        phase = BackfillPhase.CANCELLED
    elif failed:
        phase = BackfillPhase.FAILED
    else:
        phase = BackfillPhase.DONE if state.deliveries_done >= state.deliveries else BackfillPhase.PAUSED
    return keep_backfill(site, replace(state, phase=phase))


def _finished(site: Site, backfill_id: str) -> int:
    return len(open_store(site.tables_url).names(backfill_file(backfill_id, "done"), ".json"))


def keep_backfill(site: Site, state: BackfillState) -> BackfillState:
    """Record the progress of a backfill, with the present time."""
    state = replace(state, at=datetime.now(UTC))
    write_record(open_store(site.tables_url), backfill_file(state.backfill_id, "state.json"), state)
    return state


def backfills(site: Site) -> tuple[BackfillState, ...]:
    """Every backfill, the most recently active first."""
    tables = open_store(site.tables_url)
    names = [name for name in tables.names(BACKFILLS, "/state.json") if name.count("/") == 2]
    found = filter(None, (find_record(tables, name, BackfillState) for name in names))
    return tuple(sorted(found, key=lambda state: state.at, reverse=True))


def cancel_backfill(site: Site, backfill_id: str) -> BackfillState:
    """Ask a backfill to stop, wherever it runs: it stops before its next shard. Raises CutoutsError if no backfill has
    that id."""
    state = require_backfill(site, backfill_id)
    if state.phase is BackfillPhase.DONE:
        return state
    state = keep_backfill(site, replace(state, phase=BackfillPhase.CANCELLED))
    write_record(open_store(site.tables_url), backfill_file(backfill_id, "cancelled.json"), state)
    return state


def is_cancelled(site: Site, backfill_id: str) -> bool:
    """Whether somebody has asked the backfill to stop."""
    return open_store(site.tables_url).exists(backfill_file(backfill_id, "cancelled.json"))


def uncancel(site: Site, backfill_id: str) -> None:
    """Withdraw the request to stop a backfill, because it is started again."""
    open_store(site.tables_url).remove(backfill_file(backfill_id, "cancelled.json"))


def finish_delivery(site: Site, backfill_id: str, work: DeliveryWork) -> None:
    """Record that a backfill has finished a delivery."""
    write_record(open_store(site.tables_url), backfilled_file(backfill_id, work.delivery), work)


def is_finished(site: Site, backfill_id: str, work: DeliveryWork) -> bool:
    """Whether a backfill has finished a delivery: no image is left to cut, and everything was judged and published."""
    return not work.todo and open_store(site.tables_url).exists(backfilled_file(backfill_id, work.delivery))


def _receipts(tables: Store, plan_id: str, recipe: RecipeDigests) -> Iterator[Receipt]:
    found = find_record(tables, plan_file(plan_id, "plan.json"), Plan)
    if found and found.recipe == recipe:
        for shard in found.shard_keys():
            if receipt := find_record(tables, shard_file(shard, "receipt.json"), Receipt):
                yield receipt


def _wanted(selection: BackfillSelection) -> tuple[Why, ...]:
    return (Why.STALE,) if selection.stale else WORK


def _rows(
    site: Site, selection: BackfillSelection, delivery: DeliveryKey, source: str
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """The selected rows of a delivery, and for each row its `Why` (text) and whether it must be cut (bool)."""
    tables = open_store(site.tables_url)
    rows = read_delivery(tables, source, delivery)
    model = wished_model(delivery, rows)
    recipe = recipe_of_wish(with_model(site, model), delivery, model).digests
    for column, names in (("category", selection.categories), ("product_id", selection.products)):
        if names:
            rows = rows.filter(pc.is_in(rows.column(column), value_set=pa.array(names, pa.string())))
    with Catalog.open(site.catalog_url) as catalog:
        live = catalog.published(delivery.delivery_id)
    why = _reasons(rows, live, delivery, recipe)
    if selection.doubt:
        why = np.where((why == str(Why.STALE)) & _certain(site, rows, live, selection.doubt), str(Why.CERTAIN), why)
    _, content = known_content(site, tables, recipe, rows)
    wanted = np.isin(why, [str(one) for one in _wanted(selection)])
    return rows, why, wanted & content.is_null().to_numpy()


def _certain(site: Site, rows: pa.Table, live: pa.Table, doubt: float) -> np.ndarray:
    """Whether the live image of each row is less doubtful than that."""
    at = pc.index_in(rows.column("image_id"), value_set=live.column("image_id"))
    doubts = pa.array(live_doubts(site, live)).take(at.combine_chunks())
    return np.asarray(pc.fill_null(pc.less(doubts, doubt), fill_value=False).to_numpy(zero_copy_only=False), np.bool_)


def _reasons(rows: pa.Table, live: pa.Table, delivery: DeliveryKey, recipe: RecipeDigests) -> np.ndarray:
    """`Why` for each row, as text."""
    at = pc.index_in(rows.column("image_id"), value_set=live.column("image_id"))
    there = at.is_valid()
    later = pc.greater(live.column("delivery_date").take(at), pa.scalar(delivery.date))
    same_recipe = pc.and_(
        pc.equal(live.column("matte_digest").take(at), recipe.matte_digest),
        pc.equal(live.column("render_digest").take(at), recipe.render_digest),
    )
    stated, _ = stated_contents(rows)
    same_content = pc.or_kleene(pc.is_null(stated), pc.equal(live.column("sha256").take(at), stated))
    conditions = (
        (pc.invert(there), Why.MISSING),
        (later, Why.SUPERSEDED),
        (pc.invert(same_content), Why.CHANGED),
        (pc.invert(same_recipe), Why.STALE),
    )
    flags = [pc.fill_null(flag, fill_value=False).to_numpy() for flag, _ in conditions]
    return np.select(flags, [str(why) for _, why in conditions], str(Why.CURRENT))
