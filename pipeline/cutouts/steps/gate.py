"""gate: reconciles the results with the plan, judges the whole delivery, and decides on each of its images."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import write_record
from cutouts.adapters.storage.stored_tables import read_table, write_table
from cutouts.core.config import Site
from cutouts.core.decisions import KEPT_BACK, AppliedPromise, GateDecision, Outcome, Verdict
from cutouts.core.errors import BooksError
from cutouts.core.gate import (
    ALREADY_PUBLISHED,
    REPLACED,
    Decision,
    Judgement,
    decide,
    with_withdrawals,
)
from cutouts.core.publications import TakenBack
from cutouts.core.records import DeliveryKey, Plan
from cutouts.core.table_paths import gate_file, plan_file
from cutouts.schemas.tables import OUTCOMES
from cutouts.steps.comparison import keep_measured
from cutouts.steps.doubts import Doubts
from cutouts.steps.gate_keys import JUDGED, gate_key, judged_digest
from cutouts.steps.journal import journalled
from cutouts.steps.judging import MeasuredDelivery, judgement_by, measured_delivery
from cutouts.steps.lease import at_work
from cutouts.steps.ledger import Results
from cutouts.steps.networks import RECIPE, recipes_of, versions
from cutouts.steps.provenance import keep_suite
from cutouts.steps.reconciliation import reconciled
from cutouts.steps.reviews import persons_word
from cutouts.steps.stored_keys import plan_of
from cutouts.steps.verdicts import suite_of


@at_work
def gate(site: Site, plan_id: str) -> GateDecision:
    """Judge one planned delivery as a whole, including the stored metrics of images that were not cut again.

    The decision is keyed by what is judged, the live version, and whether a person approved. Raises BooksError if
    receipts and plan disagree, GateError if the suite could not judge.
    """
    tables = open_store(site.tables_url)
    plan = plan_of(tables, plan_id)
    images = read_table(tables, plan_file(plan_id, "delivery.parquet"))
    results = reconciled(tables, plan, images)
    measured = measured_delivery(site, plan, images, results)
    with journalled(site) as catalog:
        decision, decided = _decided(site, tables, catalog, measured, results)
        outcomes = _outcomes(plan, images, results, decided, measured.doubts)
        write_table(tables, gate_file(decision.gate_id, "outcomes.parquet"), outcomes)
        if not plan.second_try_of:  # difficult images are nothing to compare other deliveries with
            keep_measured(tables, decision.gate_id, measured.doubts.judged())
        write_record(tables, gate_file(decision.gate_id, "decision.json"), decision)
        if decision.verdict is Verdict.HOLD:
            catalog.holds.record(decision, datetime.now(UTC))
    return decision


def _decided(
    site: Site, tables: Store, catalog: Catalog, measured: MeasuredDelivery, results: Results
) -> tuple[GateDecision, Decision]:
    """The decision about a delivery, and the outcome of each of its images."""
    plan, images, suite = measured.plan, measured.images, suite_of(site).read_bytes()
    judgement, promise = judgement_by(site, tables, catalog, measured, suite_of(site))
    standing = _standing(catalog, plan, images)
    judged = judged_digest(plan, results, suite, standing.leaving, measured.doubts, promise)
    judgement = with_withdrawals(
        judgement, leaving=len(standing.leaving), live=standing.live.num_rows, staying=standing.staying
    )
    approved = catalog.holds.approval_for(judged) is not None
    published = _published(standing, results, plan)
    word = persons_word(catalog.reviews(plan.delivery.delivery_id), results.masks)
    decided = decide(
        images.column("image_id").to_pylist(),
        judgement,
        rejections=measured.rejections,
        published=published,
        taken_back=word.over(_taken_back(standing, results, plan, without=published)) | word.refused(published),
        approved=approved,
        released=word.released,
    )
    decision = _decision(
        plan,
        judgement,
        decided,
        standing,
        judged=judged,
        gate_id=gate_key(plan, judged, standing.version, word, judgement, approved=approved),
        suite=keep_suite(tables, suite),
        promise=promise,
    )
    return decision, decided


def missing(live: pa.Table, images: pa.Table, delivery: DeliveryKey) -> list[str]:
    """The sorted ids of the images that a full delivery leaves out: in `live` (`PUBLISHED`), not in `images` and not
    delivered on a later day. It withdraws them, except those that a person brought back (`Catalog.brought_back`)."""
    older = live.filter(pc.less_equal(live.column("delivery_date"), pa.scalar(delivery.date)))
    gone = pc.invert(pc.is_in(older.column("image_id"), value_set=images.column("image_id")))
    return sorted(older.filter(gone).column("image_id").to_pylist())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """The catalogue's facts about a delivery id at the time of the judgement.

    `live` has the columns of `PUBLISHED`. `replaced` is true if a later day was delivered in full. `leaving` are the
    images that publishing the delivery would withdraw, `staying` those that it would withdraw if nobody had brought
    them back, and `taken_back` the versions that a person took back.
    """

    version: int
    live: pa.Table
    replaced: bool
    leaving: tuple[str, ...]
    staying: int
    taken_back: tuple[TakenBack, ...]


def _standing(catalog: Catalog, plan: Plan, images: pa.Table) -> _Standing:
    delivery = plan.delivery
    version = catalog.version(delivery.delivery_id)  # read first: publishing detects whatever is published after this
    live, full_since = catalog.published(delivery.delivery_id), catalog.full_since(delivery.delivery_id)
    replaced = full_since is not None and full_since > delivery.date
    left_out = missing(live, images, delivery) if plan.full and not replaced else []
    kept = catalog.brought_back(delivery) if left_out else set[str]()
    return _Standing(
        version=version,
        live=live,
        replaced=replaced,
        leaving=tuple(one for one in left_out if one not in kept),
        staying=len(kept.intersection(left_out)),
        taken_back=catalog.taken_back(delivery.delivery_id),
    )


def _published(standing: _Standing, results: Results, plan: Plan) -> dict[str, str]:
    """Why images should not be published: they are live with this content and recipe, or a later day replaced them."""
    ids = results.masks.column("image_id")
    at = pc.index_in(standing.live.column("image_id"), value_set=ids)
    live, here = standing.live.filter(at.is_valid()), results.masks.select([*JUDGED, *RECIPE]).take(at.drop_null())
    same = reduce(pc.and_, (pc.equal(live.column(name), here.column(name)) for name in ("sha256", *RECIPE)))
    newer = pc.greater(live.column("delivery_date"), pa.scalar(plan.delivery.date))
    replaced = ids if standing.replaced else live.filter(newer).column("image_id")
    already = live.filter(same).column("image_id")
    return dict.fromkeys(replaced.to_pylist(), REPLACED) | dict.fromkeys(already.to_pylist(), ALREADY_PUBLISHED)


def _taken_back(standing: _Standing, results: Results, plan: Plan, *, without: Collection[str]) -> dict[str, TakenBack]:
    """The images that should not be published, because a person took back exactly these versions."""
    wanted = {one.image_id for one in standing.taken_back}.difference(without)
    masks = versions(results.masks) if wanted else ()
    cut = {image_id: (sha256, recipe) for image_id, sha256, recipe in masks if image_id in wanted}
    return {
        one.image_id: one
        for one in standing.taken_back
        if one.image_id in cut and one.covers(*cut[one.image_id], plan.delivery.date)
    }


def _decision(
    plan: Plan,
    judgement: Judgement,
    decided: Decision,
    standing: _Standing,
    *,
    judged: str,
    gate_id: str,
    suite: str,
    promise: AppliedPromise | None,
) -> GateDecision:
    decision = GateDecision(
        gate_id=gate_id,
        judged=judged,
        plan_id=plan.plan_id,
        delivery=plan.delivery,
        against=standing.version,
        full=plan.full,
        withdrawn=len(standing.leaving),
        recipe=plan.recipe,
        verdict=decided.verdict,
        reasons=decided.reasons,
        images=plan.images,
        published=decided.count(Outcome.PUBLISHED),
        quarantined=decided.count(Outcome.QUARANTINED),
        held=decided.count(Outcome.HELD),
        rejected=decided.count(Outcome.REJECTED),
        skipped=decided.count(Outcome.SKIPPED),
        expectations=judgement.outcomes,
        suite=suite,
        promise=promise,
        warnings=judgement.warnings,
        several=tuple(one.recipe for one in plan.several),
        partial=plan.partial,
    )
    if not decision.balances:
        raise BooksError(f"gate {gate_id}: {plan.images} images, but its outcomes do not add up to that number")
    return decision


def _outcomes(plan: Plan, images: pa.Table, results: Results, decided: Decision, doubts: Doubts) -> pa.Table:
    """`OUTCOMES`, one row per image of the delivery."""
    at = pc.index_in(images.column("image_id"), value_set=results.masks.column("image_id"))
    rejected_at = pc.index_in(images.column("image_id"), value_set=results.rejections.column("image_id"))
    made = {name: results.masks.column(name).take(at) for name in ("mask", "cutout", "width_px", "height_px")}
    sha256 = pc.coalesce(results.masks.column("sha256").take(at), results.rejections.column("sha256").take(rejected_at))
    measured_at = pc.index_in(images.column("image_id"), value_set=results.metrics.column("image_id"))
    p_bad = doubts.p_bad.take(measured_at)
    notes = results.masks.column("notes").take(at)
    mattes, renders = recipes_of(plan, images)
    columns = {
        **{name: images.column(name) for name in ("image_id", "product_id", "delivery_id", "uri")},
        **made,
        "sha256": sha256,
        "matte_digest": mattes,
        "render_digest": renders,
        "outcome": _repeated(decided.outcomes, pa.string()),
        "reasons": _repeated(_reasons(images, decided, doubts), pa.list_(pa.string())),
        "p_bad": p_bad,
        "calibration": pc.if_else(pc.is_valid(p_bad), doubts.version.take(measured_at), None),
        "notes": pc.if_else(pc.is_valid(notes), notes, pa.scalar([], pa.list_(pa.string()))),
    }
    return pa.table([columns[name] for name in OUTCOMES.names], schema=OUTCOMES)


def _reasons(images: pa.Table, decided: Decision, doubts: Doubts) -> Iterator[tuple[str, ...]]:
    """The reasons of each image, with what speaks against its mask if it is held or quarantined."""
    against = doubts.reasons()
    for name, outcome, reasons in zip(
        images.column("image_id").to_pylist(), decided.outcomes, decided.image_reasons, strict=True
    ):
        yield (*reasons, *against[name]) if outcome in KEPT_BACK and name in against else reasons


def _repeated(values: Iterable[Hashable], kind: pa.DataType) -> pa.Array:
    """An array of these values, few of which are different."""
    places: dict[Hashable, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return pa.array(list(places), kind).take(pa.array(at, pa.int32()))
