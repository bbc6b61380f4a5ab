"""A backfill without Airflow: processes older deliveries one by one within a budget, and can be stopped and resumed at
any point."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow as pa

from cutouts.adapters.site_settings import load_site
from cutouts.core.backfills.selection import BackfillSelection
from cutouts.core.backfills.state import NO_LIMIT, BackfillBudget, BackfillPhase, BackfillState
from cutouts.core.backfills.survey import DeliveryWork, Survey
from cutouts.core.config import Site
from cutouts.core.decisions import Verdict
from cutouts.core.errors import CutoutsError, TransientError
from cutouts.core.progress import Counter, Progress, unwatched
from cutouts.core.records import Plan, ShardKey
from cutouts.intake import deliveries_between, source_of
from cutouts.runner import Runner, open_runner
from cutouts.stages import job_of
from cutouts.steps import backfill as steps
from cutouts.steps import backfill_progress as records
from cutouts.steps import gate, publish, segment
from cutouts.steps.backfill_rows import live_of
from cutouts.steps.calibrated import require_judged
from cutouts.steps.upgrade import compared, without_worse
from cutouts.steps.verify import require_live_objects


def survey(site: Site, selection: BackfillSelection, progress: Progress = unwatched) -> Survey:
    """The work that a backfill has to do, and the reasons. Nothing is written.

    Raises GateError if quarantined images are to be cut by a network for which the gate is not calibrated.
    """
    site = steps.site_of(site, selection)
    if selection.quarantined:
        require_judged(site, job_of(site).recipe.digests)
    keys = steps.candidates(site, selection, lambda: deliveries_between(site, selection.first, selection.last))
    work, live_images = {}, live_of(site)
    with progress("looking at deliveries", len(keys)) as heard:
        for key in sorted(keys, key=lambda one: one.delivery_id):
            work[key] = steps.look_at(site, selection, key, source_of, live_images)
            heard.add("looked at")
    return steps.survey_of(site, selection, [work[key] for key in keys])


def backfill(
    selection: BackfillSelection,
    *,
    site: Site | None = None,
    budget: BackfillBudget = NO_LIMIT,
    progress: Progress = unwatched,
    on_compared: Callable[[pa.Table], None] = lambda _: None,
) -> BackfillState:
    """Do the work that `survey` finds, delivery by delivery, until everything is done or the budget is used up.

    If it was killed, cancelled or ran out of budget, calling it with the same selection continues it. A delivery that
    cannot be used is listed in `failed`, and the others are still processed. If the selection is an upgrade,
    `on_compared` is called with each comparison of new masks with live ones (`cutouts.steps.upgrade.compared`). Raises
    TransientError if another try may help.
    """
    site = steps.site_of(site or load_site(), selection)
    found = survey(site, selection, progress)
    state = begin(site, selection, found, budget)
    run = _Run(site, selection, budget, state, on_compared)
    with ExitStack() as stack, progress("cutting", _limited(found.todo, budget)) as heard:
        open_once = cache(lambda: stack.enter_context(open_runner(site)))
        if all(run.do(work, open_once, heard) for work in open_work(site, state, found) if not work.problem):
            return records.keep_backfill(site, replace(run.state, phase=BackfillPhase.DONE))
    return run.state


def selection_of(site: Site, backfill_id: str) -> BackfillSelection:
    """What a backfill selects, to continue it. Raises CutoutsError if there is none with that id, or if it was begun
    under another recipe than the site's, because then it would be another backfill."""
    selection = records.require_backfill(site, backfill_id).selection
    recipe = job_of(steps.site_of(site, selection)).recipe.digests
    if selection.backfill_id(recipe) != backfill_id:
        raise CutoutsError(
            f"backfill {backfill_id} was begun with another recipe. Continue it with the same --model, or begin a new "
            "one with the same selection"
        )
    return selection


def _limited(todo: int, budget: BackfillBudget) -> int:
    return todo if budget.images is None else min(todo, budget.images)


def open_work(site: Site, state: BackfillState, found: Survey) -> list[DeliveryWork]:
    """The deliveries of a survey that a backfill has not finished, including those that cannot be used."""
    work = [one for one in found.deliveries if one.images or one.problem]
    return [one for one in work if not records.is_finished(site, state.selection, state.backfill_id, one)]


def begin(site: Site, selection: BackfillSelection, found: Survey, budget: BackfillBudget) -> BackfillState:
    """Write and return the record of this backfill, continued or new. The remaining work is counted again each time."""
    records.uncancel(site, found.backfill_id)
    now = datetime.now(UTC)
    before = records.find_backfill(site, found.backfill_id)
    cut = before.cut if before and before.phase is not BackfillPhase.DONE else 0
    done, left = _done_and_left(site, selection, found)
    state = BackfillState(
        backfill_id=found.backfill_id,
        selection=selection,
        phase=BackfillPhase.RUNNING,
        begun_at=before.begun_at if before and cut else now,
        at=now,
        images=cut + found.todo,
        cut=cut,
        deliveries=done + left,
        deliveries_done=done,
        failed=tuple(f"{one.delivery}: {one.problem}" for one in found.deliveries if one.problem),
        seconds=before.seconds if before and cut else 0.0,
        budget=budget,
    )
    return records.keep_backfill(site, state)


def _done_and_left(site: Site, selection: BackfillSelection, found: Survey) -> tuple[int, int]:
    """How many deliveries this backfill has finished, over all of its runs, and how many are left."""
    work = [one for one in found.deliveries if one.images]
    left = [one for one in work if not records.is_finished(site, selection, found.backfill_id, one)]
    for one in left:
        records.reopen_delivery(site, found.backfill_id, one)
    return records.finished_deliveries(site, found.backfill_id), len(left)


class _Run:
    """One run of a backfill, with its budget and its progress."""

    def __init__(
        self,
        site: Site,
        selection: BackfillSelection,
        budget: BackfillBudget,
        state: BackfillState,
        on_compared: Callable[[pa.Table], None],
    ) -> None:
        self._site, self._selection, self._budget, self._on_compared = site, selection, budget, on_compared
        self.state = state
        self._began = self._told = time.monotonic()
        self._cut = 0

    def do(self, work: DeliveryWork, open_once: Callable[[], Runner], heard: Counter) -> bool:
        """Process one delivery. Returns False if the backfill must stop now."""
        if self._must_stop(work.todo):
            return False
        room = self._room()
        try:
            planned = steps.plan_part(self._site, self._selection, work.delivery, source_of, at_most=room)
            if planned and not self._segment_all(planned, work.todo, open_once, heard):
                return False
            if planned:
                self._publish(planned)
        except TransientError:
            raise
        except CutoutsError as error:
            self._keep(failed=(*self.state.failed, f"{work.delivery}: {error}"))
            return True
        if room is not None and room < work.todo:
            return not self._must_stop(work.todo)
        records.finish_delivery(self._site, self.state.backfill_id, work)
        # The rest are copies of photographs that were cut for other deliveries meanwhile.
        copies = work.todo - planned.todo if planned else 0
        self._keep(deliveries_done=self.state.deliveries_done + 1, images=self.state.images - copies)
        return True

    def _segment_all(self, planned: Plan, todo: int, open_once: Callable[[], Runner], heard: Counter) -> bool:
        """Cut the shards of a plan. Returns False if the backfill must stop before one of them."""
        for shard in planned.shard_keys():
            if self._must_stop(todo):
                return False
            self._segment(shard, open_once(), heard)
        return True

    def _publish(self, planned: Plan) -> None:
        """Judge and publish a plan; of an upgrade, only the images whose new mask is not worse."""
        chosen = self._not_worse(planned) if self._selection.not_worse else planned
        if chosen and not _published(self._site, chosen):
            self._keep(held=(*self.state.held, str(planned.delivery)))

    def _segment(self, shard: ShardKey, runner: Runner, heard: Counter) -> None:
        receipt = segment(self._site, shard, runner, lambda result: result.count_in(heard))
        self._cut += receipt.images
        self._keep(cut=self.state.cut + receipt.images)

    def _not_worse(self, planned: Plan) -> Plan | None:
        """A plan of the images whose new mask is not worse; None if there are none."""
        found = compared(self._site, planned)
        self._on_compared(found)
        return without_worse(self._site, planned, found, source_of)

    def _room(self) -> int | None:
        """How many more images this run may cut; None if there is no limit."""
        return None if self._budget.images is None else max(0, self._budget.images - self._cut)

    def _must_stop(self, todo: int) -> bool:
        """Whether the backfill was cancelled, or the budget is used up with images left to cut; the new phase is
        recorded."""
        hours = (time.monotonic() - self._began) / 3600
        if records.is_cancelled(self._site, self.state.backfill_id):
            self._keep(phase=BackfillPhase.CANCELLED)
        elif todo and (self._room() == 0 or (self._budget.hours is not None and hours >= self._budget.hours)):
            self._keep(phase=BackfillPhase.PAUSED)
        return self.state.phase is not BackfillPhase.RUNNING

    def _keep(self, **changes: Any) -> None:
        now = time.monotonic()
        seconds = self.state.seconds + now - self._told
        self._told = now
        self.state = records.keep_backfill(self._site, replace(self.state, seconds=seconds, **changes))


def _published(site: Site, planned: Plan) -> bool:
    """Judge and publish a plan. Returns False if the gate holds it."""
    decision = gate(site, planned.plan_id)
    if decision.verdict is Verdict.HOLD:
        return False
    publish(site, decision.gate_id)
    require_live_objects(site, decision.gate_id)
    return True
