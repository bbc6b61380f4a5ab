"""The bodies of the backfill's tasks. One run is one backfill for all its days, so no part of it waits as another
run."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from cutouts.core.backfills.selection import BackfillSelection, second_try
from cutouts.core.backfills.state import BackfillBudget, BackfillPhase, BackfillState
from cutouts.core.backfills.survey import DeliveryWork
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.records import DeliveryKey, ShardKey
from cutouts.core.text.display import shown
from cutouts_airflow import lineage, tasks
from cutouts_airflow.airflow_site import site
from cutouts_airflow.order import DELIVERIES_A_RUN
from cutouts_airflow.redacting import logged_without_secrets

log = logging.getLogger(__name__)

Work = dict[str, Any]
"""One delivery's share of a backfill: `delivery` (key), `backfill` (id), `images` (the largest number to cut), and
`whole` (whether that is all of its work)."""


@logged_without_secrets
def chosen() -> list[Work]:
    """The deliveries that this run works on, from its params, its partition key (a day) or the backfill that it
    resumes.

    With the param `dry_run`, it only logs the number of images, the reasons, the time and the bytes. Raises ValueError
    if the run selects nothing.
    """
    here, context = site(), get_current_context()
    return _worked_out(here, context, *_asked(here, context))


@logged_without_secrets
def quarantined() -> list[Work]:
    """The deliveries with quarantined images that this run tries again, from its params; see `chosen`.

    Raises ValueError if the run selects nothing, GateError if the gate is not calibrated for its network.
    """
    context = get_current_context()
    given = context["params"]
    selection = second_try(
        model=given["model"],
        delivery=given["delivery"],
        everything=given["everything"],
        reason=given["reason"],
        refused_too=given["refused_too"],
        **_common(given),
    )
    return _worked_out(site(), context, selection, _budget(given))


def _worked_out(
    here: Site, context: Mapping[str, Any], selection: BackfillSelection, budget: BackfillBudget
) -> list[Work]:
    from cutouts.api import backfills
    from cutouts.steps.backfill import site_of

    here = site_of(here, selection)
    found = backfills.survey(here, selection)
    for line in found.words(selection):
        log.info("%s", shown(line))
    if context["params"]["dry_run"]:
        return []
    state = backfills.begin(here, selection, found, budget)
    return list(_shares(state, backfills.open_work(here, state, found), budget))


def _budget(given: Mapping[str, Any]) -> BackfillBudget:
    return BackfillBudget(images=given["images"], hours=given["hours"])


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a selection that every backfill has as params."""
    days = {name: date.fromisoformat(given[name]) if given[name] else None for name in ("first", "last")}
    return {**days, **{name: tuple(given[name]) for name in ("suppliers", "categories", "products")}}


def _asked(here: Site, context: Mapping[str, Any]) -> tuple[BackfillSelection, BackfillBudget]:
    given = context["params"]
    budget = _budget(given)
    if given["resume"]:
        state = _state(here, given["resume"])
        if state.selection.not_worse:
            raise ValueError(f"{state.backfill_id} is an upgrade: continue it with `cutouts upgrade run`")
        return state.selection, budget if budget != BackfillBudget() else state.budget
    day = context["dag_run"].partition_key or given["day"]
    if day:
        tasks.deliveries_on(date.fromisoformat(day))  # takes the manifest of that day, if it was not taken yet
    days = {"first": day, "last": day} if day else {}
    selection = BackfillSelection(
        **_common({**given, **days}), stale=given["stale"], newest_first=given["newest_first"]
    )
    if selection == BackfillSelection(newest_first=selection.newest_first):
        raise ValueError("this run selects nothing: give days, suppliers, categories, products, stale, or resume")
    return selection, budget


def _shares(state: BackfillState, work: Sequence[DeliveryWork], budget: BackfillBudget) -> Iterator[Work]:
    """The work that fits the budget, in order; Airflow maps over no more than about a thousand items."""
    room = budget.images
    for one in work[:DELIVERIES_A_RUN]:
        images = one.todo if room is None else min(one.todo, room)
        if one.todo and not images and not one.problem:
            return
        room = None if room is None else room - images
        whole = images == one.todo
        yield {"delivery": str(one.delivery), "backfill": state.backfill_id, "images": images, "whole": whole}


@logged_without_secrets
def plan(delivery: str, backfill: str, images: int) -> list[str]:
    """Plan a delivery's share. Returns its shards' keys, and pushes the plan's id to XCom `plan_id`. Skips the task if
    no work is left."""
    from cutouts import intake
    from cutouts.steps import backfill as steps

    here, key = site(), DeliveryKey.parse(delivery)
    selection = _state(here, backfill).selection
    here = steps.site_of(here, selection)
    planned = steps.plan_part(here, selection, key, intake.source_of, at_most=images)
    if planned is None:
        raise AirflowSkipException(f"nothing of delivery {shown(delivery)} has to be done any more")
    return tasks.planned_shards(here, intake.source_of(here, key), planned)


@logged_without_secrets
def segment(backfill: str, shards: Iterable[str]) -> None:
    """Cut these shards, and log the progress of the whole backfill.

    Skips the rest if the backfill was cancelled or its time for today is used up; the next run continues there.
    """
    from cutouts import steps
    from cutouts.runner import open_runner
    from cutouts.steps.backfill_progress import note_work

    here = site()
    with open_runner(here) as runner:
        for shard in shards:
            _require_time(here, backfill)
            began = time.monotonic()
            receipt = steps.segment(here, ShardKey.parse(shard), runner)
            state = note_work(here, backfill, cut=receipt.images, seconds=time.monotonic() - began)
            get_current_context()["ti"].xcom_push("progress", state.words)
            log.info("Backfill %s.", shown(state.words))
    lineage.reads(here.tables_url)
    lineage.writes(here.objects_url)


def _require_time(here: Site, backfill: str) -> None:
    from cutouts.steps.backfill_progress import is_cancelled

    if is_cancelled(here, backfill):
        raise AirflowSkipException(f"backfill {backfill} was cancelled")
    hours = _state(here, backfill).budget.hours
    start = get_current_context()["dag_run"].start_date
    if hours is not None and start and datetime.now(UTC) - start >= timedelta(hours=hours):
        raise AirflowSkipException(f"backfill {backfill}: its {hours} hours for today are over")


@logged_without_secrets
def publish(delivery: str, backfill: str, whole: bool, gate_id: str) -> str:
    """Publish like any delivery, and record that the backfill has finished it, even if it is held."""
    from cutouts.steps.backfill_progress import finish_delivery

    try:
        return tasks.publish(gate_id)
    finally:
        if whole:
            finish_delivery(site(), backfill, DeliveryWork(delivery=DeliveryKey.parse(delivery)))


@logged_without_secrets
def finish(work: list[Work] | None) -> None:
    """Record the state of the backfill. Raises CutoutsError if a delivery failed, so that the run fails."""
    from cutouts.steps.backfill_progress import end_run

    context = get_current_context()
    states = context["ti"].get_task_states(dag_id=context["ti"].dag_id, run_ids=[context["ti"].run_id])
    failed = [state for run in states.values() for state in run.values() if state in ("failed", "upstream_failed")]
    for backfill in dict.fromkeys(one["backfill"] for one in work or ()):
        state = end_run(site(), backfill, failed=bool(failed))
        log.info("Backfill %s.", shown(state.words))
    if failed:
        raise CutoutsError("some deliveries of the backfill failed: see their tasks")


@logged_without_secrets
def paused() -> list[dict[str, str]]:
    """The `conf` of a run for each backfill whose budget was used up, except upgrades, which are continued by hand."""
    from cutouts.steps.backfill_progress import backfills

    waiting = (one for one in backfills(site()) if one.phase is BackfillPhase.PAUSED)
    return [{"resume": one.backfill_id} for one in waiting if not one.selection.not_worse]


def _state(here: Site, backfill: str) -> BackfillState:
    from cutouts.steps.backfill_progress import require_backfill

    return require_backfill(here, backfill)
