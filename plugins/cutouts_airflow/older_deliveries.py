"""The tasks that work on deliveries again: plan → segment → gate → publish, a group per delivery, after all others."""

from __future__ import annotations

from collections.abc import Callable

from airflow.sdk import TriggerRule, task, task_group

from cutouts_airflow import announcing, backfilling, order, tasks
from cutouts_airflow.assets import CUTOUTS

NAME = "{{ task.op_kwargs['delivery'] }}"


@task(priority_weight=order.BACKFILL + order.PLAN, map_index_template=NAME)
def plan(delivery: str, backfill: str, images: int) -> list[str]:
    """The keys of the shards of a delivery's share of the work."""
    return backfilling.plan(delivery, backfill, images)


@task(
    priority_weight=order.BACKFILL + order.SEGMENT,
    max_active_tis_per_dag=order.OLDER_AT_ONCE,
    map_index_template=NAME,
)
def segment(delivery: str, backfill: str, shards: list[str]) -> None:  # noqa: ARG001 -- names the group
    """Cut the shards."""
    backfilling.segment(backfill, shards)


@task(priority_weight=order.BACKFILL + order.GATE, map_index_template=NAME)
def gate(delivery: str, plan_id: str) -> str:  # noqa: ARG001 -- as above
    """Judge the plan. Returns the id of the decision."""
    return tasks.gate(plan_id)


@task(
    priority_weight=order.BACKFILL + order.PUBLISH,
    outlets=[CUTOUTS],
    on_success_callback=announcing.announced,
    map_index_template=NAME,
)
def publish(delivery: str, backfill: str, whole: bool, gate_id: str) -> None:
    """Publish what the gate let through, and announce it."""
    announcing.announce(CUTOUTS, backfilling.publish(delivery, backfill, whole, gate_id))


@task_group
def one_delivery(delivery: str, backfill: str, images: int, whole: bool) -> None:
    """The steps of one delivery."""
    shards = plan(delivery=delivery, backfill=backfill, images=images)
    judged = gate(delivery=delivery, plan_id=shards["plan_id"])
    segment(delivery=delivery, backfill=backfill, shards=shards) >> judged
    publish(delivery=delivery, backfill=backfill, whole=whole, gate_id=judged)


@task(priority_weight=order.BACKFILL + order.PUBLISH, trigger_rule=TriggerRule.ALL_DONE)
def finish(work: list[backfilling.Work]) -> None:
    """Record how the backfill ended."""
    backfilling.finish(work)


def work_through(choose: Callable[[], list[backfilling.Work]]) -> None:
    """Add the tasks to the DAG: `chosen` calls `choose`, and each delivery that it returns gets a group."""

    @task(priority_weight=order.BACKFILL + order.PLAN)
    def chosen() -> list[backfilling.Work]:
        return choose()

    work = chosen()
    one_delivery.expand_kwargs(work) >> finish(work)
