"""gate: reconcile what was cut with what was planned, judge the whole delivery, decide for each of its images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality import bundled
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import (
    find_record,
    read_record,
    read_table,
    records_of,
    write_record,
    write_table,
)
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Outcome, Verdict
from cutouts.core.errors import BooksError
from cutouts.core.gate import ALREADY_PUBLISHED, REPLACED, Decision, Judgement, decide
from cutouts.core.publications import TakenBack
from cutouts.core.records import Plan, Receipt, Rejection, ShardKey
from cutouts.core.table_paths import gate_file, plan_file, shard_file
from cutouts.schemas.tables import OUTCOMES
from cutouts.steps.ledger import SCHEMAS, Results, concat, nothing, recall, record
from cutouts.steps.verdicts import judgement_of

_JUDGED = ("image_id", "sha256")


def gate(site: Site, plan_id: str) -> GateDecision:
    """Judge one planned delivery as a whole, with the stored metrics of images that were not redone.

    Keyed by what is judged, the version of what is live and whether a person approved. Raises BooksError if receipts
    and plan disagree, GateError if the suite could not judge.
    """
    tables = open_store(site.tables_url)
    plan = read_record(tables, plan_file(plan_id, "plan.json"), Plan)
    images = read_table(tables, plan_file(plan_id, "delivery.parquet"))
    results = _reconciled(tables, plan, images)
    file = Path(site.mask_quality) if site.mask_quality else bundled("mask_quality")
    judged = _digest(plan, results, file)
    rejections = {one.image_id: one.words for one in records_of(results.rejections, Rejection)}
    judgement = judgement_of(tables, file, results.metrics, images=plan.images, rejected=rejections)
    with Catalog.open(site.catalog_url) as catalog:
        against = catalog.version(plan.delivery.delivery_id)
        published = _published(catalog.published(plan.delivery.delivery_id), results, plan)
        taken_back = _taken_back(catalog.taken_back(plan.delivery.delivery_id), results, plan)
        approved = catalog.approval_for(judged) is not None
        decided = decide(
            images.column("image_id").to_pylist(),
            judgement,
            rejections=rejections,
            published=published,
            taken_back={name: why for name, why in taken_back.items() if name not in published},
            approved=approved,
        )
        gate_id = _gate_id(plan, judged, against, approved=approved)
        decision = _decision(plan, judgement, decided, judged=judged, against=against, gate_id=gate_id)
        write_table(tables, gate_file(decision.gate_id, "outcomes.parquet"), _outcomes(plan, images, results, decided))
        write_record(tables, gate_file(decision.gate_id, "decision.json"), decision)
        if decision.verdict is Verdict.HOLD:
            catalog.record_hold(decision, datetime.now(UTC))
    return decision


def read_results(tables: Store, plan: Plan, images: pa.Table) -> Results:
    """What was made of a planned delivery's images: its shards' tables, and the ledger's for those known before."""
    return _with_known(tables, plan, images, shard_results(tables, plan))


def _with_known(tables: Store, plan: Plan, images: pa.Table, cut: Results) -> Results:
    known = images.filter(pc.is_valid(images.column("content")))
    return concat([cut, recall(tables, plan.recipe, known)])


def _reconciled(tables: Store, plan: Plan, images: pa.Table) -> Results:
    """The delivery's results once its books balance; the plan's own are then entered in the ledger."""
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
    if plan.shards:
        record(tables, plan.recipe, plan.plan_id, cut)
    return results


def _receipt(tables: Store, shard: ShardKey) -> Receipt:
    receipt = find_record(tables, shard_file(shard, "receipt.json"), Receipt)
    if receipt is None:
        raise BooksError(f"shard {shard} has no receipt: run `cutouts segment` first")
    return receipt


def shard_results(tables: Store, plan: Plan) -> Results:
    """What the shards of a plan made."""

    def read(shard: ShardKey, name: str) -> pa.Table:
        return read_table(tables, shard_file(shard, f"{name}.parquet")).cast(SCHEMAS[name])

    parts = [Results(**{name: read(shard, name) for name in SCHEMAS}) for shard in plan.shard_keys()]
    return concat([nothing(), *parts])


def _published(live: pa.Table, results: Results, plan: Plan) -> dict[str, str]:
    """Why images are not to be published: they are live with this content and recipe, or replaced by a later day."""
    same = pc.and_(
        pc.equal(live.column("matte_digest"), plan.recipe.matte_digest),
        pc.equal(live.column("render_digest"), plan.recipe.render_digest),
    )
    newer = pc.greater(live.column("delivery_date"), pa.scalar(plan.delivery.date))
    content = dict(zip(*(results.masks.column(name).to_pylist() for name in _JUDGED), strict=True))
    rows = live.append_column("same", same).append_column("newer", newer).to_pylist()
    live_so = {row["image_id"]: row["same"] and row["sha256"] == content.get(row["image_id"]) for row in rows}
    return {
        row["image_id"]: ALREADY_PUBLISHED if live_so[row["image_id"]] else REPLACED
        for row in rows
        if row["image_id"] in content and (row["newer"] or live_so[row["image_id"]])
    }


def _taken_back(orders: Sequence[TakenBack], results: Results, plan: Plan) -> dict[str, str]:
    """Why images are not to be published: a person took exactly these versions back."""
    wanted = {one.image_id for one in orders}
    masks = zip(*(results.masks.column(name).to_pylist() for name in _JUDGED), strict=True) if wanted else ()
    content = {image_id: sha256 for image_id, sha256 in masks if image_id in wanted}
    return {
        one.image_id: one.words
        for one in orders
        if one.image_id in content and one.covers(content[one.image_id], plan.recipe, plan.delivery.date)
    }


def _digest(plan: Plan, results: Results, suite: Traversable) -> str:
    """Of the content, recipe and suite that are judged; not of where, when or how often."""
    rows = sorted(
        (image_id, sha256 or "")
        for table in (results.masks, results.rejections)
        for image_id, sha256 in zip(*(table.column(name).to_pylist() for name in _JUDGED), strict=True)
    )
    parts = [plan.delivery.delivery_id, plan.recipe.matte_digest, plan.recipe.render_digest, rows]
    return hashlib.sha256(json.dumps(parts).encode() + suite.read_bytes()).hexdigest()[:32]


def _gate_id(plan: Plan, judged: str, against: int, *, approved: bool) -> str:
    parts = [plan.plan_id, judged, against, approved]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _decision(
    plan: Plan, judgement: Judgement, decided: Decision, *, judged: str, against: int, gate_id: str
) -> GateDecision:
    decision = GateDecision(
        gate_id=gate_id,
        judged=judged,
        plan_id=plan.plan_id,
        delivery=plan.delivery,
        against=against,
        recipe=plan.recipe,
        verdict=decided.verdict,
        reasons=decided.reasons,
        images=plan.images,
        expectations=judgement.outcomes,
        **{str(outcome): decided.count(outcome) for outcome in Outcome},
    )
    if not decision.balances:
        raise BooksError(f"gate {gate_id}: {plan.images} images, but its outcomes do not add up to that number")
    return decision


def _outcomes(plan: Plan, images: pa.Table, results: Results, decided: Decision) -> pa.Table:
    """`OUTCOMES`, one row per image of the delivery."""
    at = pc.index_in(images.column("image_id"), value_set=results.masks.column("image_id"))
    rejected_at = pc.index_in(images.column("image_id"), value_set=results.rejections.column("image_id"))
    made = {name: results.masks.column(name).take(at) for name in ("mask", "cutout", "width_px", "height_px")}
    sha256 = pc.coalesce(results.masks.column("sha256").take(at), results.rejections.column("sha256").take(rejected_at))
    notes = [value or [] for value in results.masks.column("notes").take(at).to_pylist()]
    columns = {
        **{name: images.column(name) for name in ("image_id", "product_id", "delivery_id", "uri")},
        **made,
        "sha256": sha256,
        "matte_digest": pa.repeat(plan.recipe.matte_digest, images.num_rows),
        "render_digest": pa.repeat(plan.recipe.render_digest, images.num_rows),
        "outcome": pa.array([str(outcome) for outcome in decided.outcomes], pa.string()),
        "reasons": pa.array([list(reasons) for reasons in decided.image_reasons], pa.list_(pa.string())),
        "notes": pa.array(notes, pa.list_(pa.string())),
    }
    return pa.table([columns[name] for name in OUTCOMES.names], schema=OUTCOMES)
