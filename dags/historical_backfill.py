"""### Older deliveries, one day per run

For Airflow's own backfill (*Trigger* → *Backfill* on this page); nothing runs by itself, and what is already published
is skipped:

    airflow backfill create --dag-id historical_backfill --from-date 2026-01-01 --to-date 2026-03-31 --max-active-runs 1

* **deliveries** lists what was delivered on the run's day (its partition key `YYYY-MM-DD`, or the param `day`).
* **one_delivery**, a group per delivery: plan → segment → gate → publish, each named after the delivery. A delivery
  that fails or is held stops none of the others; shards are cut out one after the other, and every task waits behind
  those of `catalog_refresh`, so that tonight's refresh keeps its place on the cluster.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task, task_group

from cutouts_airflow import announcing, order, tasks
from cutouts_airflow.assets import CUTOUTS
from cutouts_airflow.retries import retrying
from cutouts_airflow.timetable import BackfillDays

NAME = "{{ task.op_kwargs['delivery'] }}"


@dag(
    schedule=BackfillDays(),
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="YYYY-MM-DD. Leave it empty for a backfill, or with a partition key.",
        )
    },
    max_active_runs=4,
    default_args=retrying(hours=12),
    doc_md=__doc__,
    tags=["cutouts"],
)
def historical_backfill() -> None:
    """Plan, segment, judge and publish every delivery of one day."""

    @task(priority_weight=order.BACKFILL + order.PLAN)
    def deliveries() -> list[str]:
        return tasks.deliveries_on(tasks.day())

    @task(priority_weight=order.BACKFILL + order.PLAN, map_index_template=NAME)
    def plan(delivery: str) -> list[str]:
        return tasks.plan(delivery)

    @task(
        priority_weight=order.BACKFILL + order.SEGMENT,
        max_active_tis_per_dag=order.OLDER_AT_ONCE,
        map_index_template=NAME,
    )
    def segment(delivery: str, shards: list[str]) -> None:  # noqa: ARG001 names the group in the pages
        tasks.segment(shards)

    @task(priority_weight=order.BACKFILL + order.GATE, map_index_template=NAME)
    def gate(delivery: str, plan_id: str) -> str:  # noqa: ARG001 likewise
        return tasks.gate(plan_id)

    @task(
        priority_weight=order.BACKFILL + order.PUBLISH,
        outlets=[CUTOUTS],
        on_success_callback=announcing.announced,
        map_index_template=NAME,
    )
    def publish(delivery: str, gate_id: str) -> None:  # noqa: ARG001 likewise
        announcing.announce(CUTOUTS, tasks.publish(gate_id))

    @task_group
    def one_delivery(delivery: str) -> None:
        shards = plan(delivery=delivery)
        judged = gate(delivery=delivery, plan_id=shards["plan_id"])
        segment(delivery=delivery, shards=shards) >> judged
        publish(delivery=delivery, gate_id=judged)

    one_delivery.expand(delivery=deliveries())


historical_backfill()
