"""A delivery as the gate judges it, and its judgement by a suite under the site's promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources.abc import Traversable

import pyarrow as pa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_tables import records_of
from cutouts.core.calibration import Calibration
from cutouts.core.config import Site
from cutouts.core.decisions import AppliedPromise, PromiseLimit
from cutouts.core.gate import Judgement, of_second_try
from cutouts.core.records import Plan, RecipeDigests, Rejection
from cutouts.steps.calibrated import promise_limits
from cutouts.steps.comparison import drift_of
from cutouts.steps.doubts import Doubts, categories_of
from cutouts.steps.ledger import Results
from cutouts.steps.networks import calibrations_of
from cutouts.steps.verdicts import judgement_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDelivery:
    """A planned delivery with what was measured on it; `rejections` has the reasons of the rejected images by id, and
    `limits` those of the site's promise by matte digest."""

    plan: Plan
    images: pa.Table
    doubts: Doubts
    rejections: Mapping[str, str]
    limits: Mapping[str, tuple[PromiseLimit, ...]]


def measured_delivery(site: Site, plan: Plan, images: pa.Table, results: Results) -> MeasuredDelivery:
    """The delivery with its doubts. Raises GateError if the calibration cannot carry the site's promise."""
    calibrations = calibrations_of(site, plan)
    return MeasuredDelivery(
        plan=plan,
        images=images,
        doubts=Doubts(metrics=results.metrics, calibrations=calibrations, categories=images),
        rejections={one.image_id: one.words for one in records_of(results.rejections, Rejection)},
        limits={
            one.recipe.matte_digest: _limits(site, one.model, calibrations, one.recipe, named=bool(plan.several))
            for one in plan.networks
        },
    )


def _limits(
    site: Site, model: str, calibrations: Mapping[str, Calibration | None], recipe: RecipeDigests, *, named: bool
) -> tuple[PromiseLimit, ...]:
    network = model or site.model
    digest = recipe.matte_digest
    limits = promise_limits(site.promise, calibrations[digest], digest, network)
    return tuple(replace(one, network=network) for one in limits) if named else limits


def judgement_by(
    site: Site,
    tables: Store,
    catalog: Catalog,
    measured: MeasuredDelivery,
    suite: Traversable,
    *,
    before: datetime | None = None,
) -> tuple[Judgement, AppliedPromise | None]:
    """The suite's judgement under the site's promise, and how the promise applied.

    The delivery is compared with deliveries that were accepted `before` that moment (aware), if it is given. Nothing
    holds a second try.
    """
    judged = measured.doubts.judged()
    judgement = judgement_of(
        tables,
        suite,
        judged,
        images=measured.plan.images,
        rejected=measured.rejections,
        categories=categories_of(measured.images, measured.rejections),
        drift=drift_of(tables, catalog, measured.plan.delivery, judged, before=before),
    )
    judgement = of_second_try(judgement) if measured.plan.second_try_of else judgement
    return measured.doubts.promised(judgement, measured.limits, site.promise)
