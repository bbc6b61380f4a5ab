"""The results of a planned delivery, from its shards and the ledger, compared with the plan."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.errors import BooksError
from cutouts.core.records import Plan, Receipt, ShardKey
from cutouts.core.table_paths import shard_file
from cutouts.core.text.counting import counted
from cutouts.steps.gate_keys import JUDGED
from cutouts.steps.ledger import SCHEMAS, Results, concat, nothing, recall, record
from cutouts.steps.networks import RECIPE, images_of, results_by


def read_results(tables: Store, plan: Plan, images: pa.Table) -> Results:
    """The results of all images of a planned delivery: from its shards, and from the ledger for images known before."""
    return _with_known(tables, plan, images, shard_results(tables, plan))


def _with_known(tables: Store, plan: Plan, images: pa.Table, cut: Results) -> Results:
    known = images.filter(pc.is_valid(images.column("content")))
    return concat([cut, *(recall(tables, one.recipe, images_of(plan, one, known)) for one in plan.networks)])


def reconciled(tables: Store, plan: Plan, images: pa.Table) -> Results:
    """The delivery's results, checked against the plan. Those that the plan's own shards made are added to the ledger.
    Raises BooksError if the counts or images do not match."""
    done = sum(_receipt(tables, shard).images for shard in plan.shard_keys())
    if done != plan.todo:
        raise BooksError(f"plan {plan.plan_id}: {plan.todo} images had to be cut, but the receipts count {done}")
    cut = shard_results(tables, plan)
    results = _with_known(tables, plan, images, cut)
    made = [*results.masks.column("image_id").to_pylist(), *results.rejections.column("image_id").to_pylist()]
    if sorted(made) != sorted(images.column("image_id").to_pylist()):
        raise BooksError(
            f"plan {plan.plan_id}: {plan.images} images, but {len(made)} results, or results of other images"
        )
    _check_measured(plan, results)
    for network in plan.networks:
        if network.shards:
            record(tables, network.recipe, plan.plan_id, results_by(cut, network.recipe) if plan.several else cut)
    return results


def _check_measured(plan: Plan, results: Results) -> None:
    """Raise BooksError unless every mask has one measurement, of the same photograph by the same recipe."""
    masks, measured = (one.select([*JUDGED, *RECIPE]) for one in (results.masks, results.metrics))
    if not (_equal(masks, measured) or _equal(masks.sort_by("image_id"), measured.sort_by("image_id"))):
        found = f"{counted(masks.num_rows, 'mask')}, but {measured.num_rows} measurements, or of other images"
        raise BooksError(f"plan {plan.plan_id}: {found}")


def _equal(one: pa.Table, other: pa.Table) -> bool:
    """Whether the values are equal; nearly always they are in the same order."""
    return all(mine.equals(its) for mine, its in zip(one.columns, other.columns, strict=True))


def _receipt(tables: Store, shard: ShardKey) -> Receipt:
    receipt = find_record(tables, shard_file(shard, "receipt.json"), Receipt)
    if receipt is None:
        raise BooksError(f"shard {shard} has no receipt: run `cutouts segment` first")
    if (receipt.plan_id, receipt.index) != (shard.plan_id, shard.index):
        raise BooksError(f"shard {shard} has the receipt of another shard, {receipt.plan_id}/{receipt.index}")
    return receipt


def shard_results(tables: Store, plan: Plan) -> Results:
    """The results of all shards of a plan."""

    def read(shard: ShardKey, name: str) -> pa.Table:
        return read_table(tables, shard_file(shard, f"{name}.parquet")).cast(SCHEMAS[name])

    parts = [Results(**{name: read(shard, name) for name in SCHEMAS}) for shard in plan.shard_keys()]
    return concat([nothing(), *parts])
