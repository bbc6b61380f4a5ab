"""A selective upgrade to another network: a canary first, then the most doubtful images, and only what is not worse."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.api.backfills import backfill, survey
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import NO_LIMIT, BackfillBudget, BackfillState
from cutouts.core.backfills.survey import Why
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.progress import Progress, unwatched
from cutouts.core.records import DeliveryKey
from cutouts.core.upgrades import Canary, Upgraded, UpgradeSurvey, choices
from cutouts.intake import source_of
from cutouts.runner import open_runner
from cutouts.stages import job_of
from cutouts.steps import plan, segment
from cutouts.steps.backfill import site_of, stale_images
from cutouts.steps.backfill_rows import live_of
from cutouts.steps.calibrated import require_comparable
from cutouts.steps.upgrade import compared, find_canary, keep_canary

CANARY = 64
"""The number of images of a canary by default."""

Images = dict[DeliveryKey, pa.Table]
"""The stale images of each delivery: `image_id` and `doubt`."""


def plan_upgrade(
    site: Site, selection: BackfillSelection, *, canary: int = CANARY, progress: Progress = unwatched
) -> UpgradeSurvey:
    """What an upgrade to the selection's network would change, and what each choice of images buys.

    A canary, `canary` random stale images, is cut by the new network and compared with what is live; its results are
    kept in the ledger, and nothing is published. The canary is recorded, so that another call cuts nothing.
    Raises GateError if the gate is not calibrated for the network.
    """
    selection, here = replace(selection, doubt=0.0), site_of(site, selection)
    recipe = job_of(here).recipe.digests
    require_comparable(here, recipe)
    found = survey(site, selection, progress)
    with_work = [one.delivery for one in found.deliveries if one.reasons.get(Why.STALE)]
    live_images = live_of(here)
    images = {
        key: stale_images(here, selection, key, source_of, live_images)
        for key in sorted(with_work, key=lambda one: one.delivery_id)
    }
    upgrade_id = selection.backfill_id(recipe)
    seen = find_canary(here, upgrade_id)
    if seen is None and images:
        seen = _cut_canary(here, images, canary, progress)
        keep_canary(here, upgrade_id, seen)
    seen = seen or Canary(before=(), after=(), cut=0, seconds=0.0)
    doubts = [doubt for table in images.values() for doubt in table.column("doubt").to_pylist()]
    return UpgradeSurvey(
        model=selection.model or site.model,
        stale=len(doubts),
        canary=seen,
        choices=choices(doubts, seen),
        problems=tuple(f"{one.delivery}: {one.problem}" for one in found.deliveries if one.problem),
    )


def upgrade(
    site: Site,
    selection: BackfillSelection,
    *,
    canary: int = CANARY,
    budget: BackfillBudget = NO_LIMIT,
    progress: Progress = unwatched,
) -> tuple[BackfillState, Upgraded]:
    """Upgrade the selected images, canary first, and publish those whose new mask is not worse by the gate.

    It is a backfill: killed, cancelled or out of budget, the same call continues it. Raises CutoutsError, and publishes
    nothing, if the canary's new masks are worse than the live ones.
    """
    planned = plan_upgrade(site, selection, canary=canary, progress=progress)
    if planned.canary.is_worse:
        raise CutoutsError(f"{planned.canary.words}. Nothing is upgraded to the network {planned.model!r}")
    before: list[float] = []
    after: list[float] = []

    def note(found: pa.Table) -> None:
        before.extend(found.column("before").to_pylist())
        after.extend(found.column("after").to_pylist())

    state = backfill(selection, site=site, budget=budget, progress=progress, on_compared=note)
    done = Canary(before=tuple(before), after=tuple(after), cut=0, seconds=0.0)
    return state, Upgraded(
        stale=planned.stale,
        compared=done.images,
        kept=sum(new > old for old, new in zip(before, after, strict=True)),
        gain=sum(done.gains),
        expected_gain=planned.canary.mean_gain * planned.stale,
    )


def _cut_canary(site: Site, images: Images, count: int, progress: Progress) -> Canary:
    """Cut the canary's images and compare them."""
    before: list[float] = []
    after: list[float] = []
    cut, seconds = 0, 0.0
    chosen = _sample(images, count)
    with ExitStack() as stack, progress("cutting the canary", sum(map(len, chosen.values()))) as heard:
        open_once = cache(lambda: stack.enter_context(open_runner(site)))
        for delivery, ids in chosen.items():
            planned = plan(site, source_of(site, delivery), delivery, only=pa.array(ids, pa.string()))
            for shard in planned.shard_keys():
                receipt = segment(site, shard, open_once(), lambda result: result.count_in(heard))
                cut, seconds = cut + receipt.cut, seconds + receipt.wall_seconds
            found = compared(site, planned)
            before += found.column("before").to_pylist()
            after += found.column("after").to_pylist()
    return Canary(before=tuple(before), after=tuple(after), cut=cut, seconds=seconds)


def _sample(images: Images, count: int) -> dict[DeliveryKey, list[str]]:
    """`count` random images, the same at each call."""
    keyed = sorted(
        (hashlib.sha256(f"{delivery}/{name}".encode()).digest(), delivery, name)
        for delivery, table in images.items()
        for name in pc.unique(table.column("image_id")).to_pylist()
    )
    chosen: dict[DeliveryKey, list[str]] = defaultdict(list)
    for _, delivery, name in keyed[:count]:
        chosen[delivery].append(name)
    return dict(chosen)
