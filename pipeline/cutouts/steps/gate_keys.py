"""The keys of a decision: what was judged, and which decision about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import astuple

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.decisions import AppliedPromise
from cutouts.core.drift import DRIFT
from cutouts.core.gate import Judgement
from cutouts.core.records import Plan
from cutouts.steps.doubts import Doubts
from cutouts.steps.ledger import Results
from cutouts.steps.networks import cut_by
from cutouts.steps.reviews import PersonsWord

JUDGED = ("image_id", "sha256")


def judged_digest(
    plan: Plan,
    results: Results,
    suite: bytes,
    leaving: Collection[str],
    doubts: Doubts,
    promise: AppliedPromise | None,
) -> str:
    """A digest, 32 hexadecimal characters, of the content, recipe, suite, calibration, categories, promise and
    withdrawals that are judged. It does not depend on the place, the time or the number of attempts."""
    tables = [table.select(JUDGED) for table in (results.masks, results.rejections)]
    both = pa.concat_tables(tables, promote_options="permissive")  # only rejections may have no sha256
    both = both.take(pc.sort_indices(both.column("image_id")))
    ids, contents = (both.column(name).to_pylist() for name in JUDGED)
    rows = [(image_id, sha256 or "") for image_id, sha256 in zip(ids, contents, strict=True)]
    recipe = plan.recipe
    calibration = doubts.versions[recipe.matte_digest]
    parts: list[object] = [plan.delivery.delivery_id, recipe.matte_digest, recipe.render_digest, rows, calibration]
    parts += [["networks", *_by_network(plan, results, doubts)]] if plan.several else []
    parts += [sorted(leaving)] if leaving else []
    if doubts.category.null_count < len(doubts.category):
        names = doubts.metrics.column("image_id").to_pylist()
        parts.append(["categories", sorted(zip(names, doubts.category.to_pylist(), strict=True))])
    if promise is not None:
        parts.append(["promise", promise.share, [(one.category, one.p_bad) for one in promise.limits]])
    return hashlib.sha256(json.dumps(parts).encode() + suite).hexdigest()[:32]


def _by_network(plan: Plan, results: Results, doubts: Doubts) -> list[object]:
    """For each network, its recipe, the version of its calibration, and the images that it cut."""
    return [
        [
            *astuple(one.recipe),
            doubts.versions[one.recipe.matte_digest],
            sorted(
                image_id
                for table in (results.masks, results.rejections)
                for image_id in cut_by(table, one.recipe).column("image_id").to_pylist()
            ),
        ]
        for one in plan.networks
    ]


def gate_key(plan: Plan, judged: str, against: int, word: PersonsWord, judgement: Judgement, *, approved: bool) -> str:
    """A digest, 32 hexadecimal characters, that identifies a decision about a plan.

    It depends on the comparisons with accepted deliveries that failed, because these are no part of what was judged.
    """
    parts: list[object] = [plan.plan_id, judged, against, approved]
    parts += [word.facts] if word.facts else []
    drifted = [one.words for one in judgement.outcomes if one.column in DRIFT.names and not one.success]
    parts += [["drift", *drifted]] if drifted else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
