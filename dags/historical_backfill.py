"""### Older deliveries, one day per run

For Airflow's own backfill; nothing runs by itself, what is already published is skipped:

    airflow backfill create --dag-id historical_backfill --from-date 2026-01-01 --to-date 2026-03-31 --max-active-runs 1

* **deliveries** lists what was delivered on the run's day (its partition key `YYYY-MM-DD`, or the param `day`).
* **one_delivery**, a group per delivery: plan → segment → gate → publish. A delivery that fails or is held stops none
  of the others; shards are cut out one after the other, so that tonight's refresh keeps its place on the cluster.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task, task_group

from cutouts_airflow import tasks
from cutouts_airflow.assets import CUTOUTS
from cutouts_airflow.retries import by_error_class
from cutouts_airflow.timetable import BackfillDays

DELIVERIES_AT_ONCE = 1  # over all runs


@dag(
    schedule=BackfillDays(),
    params={"day": Param("", type="string", description="YYYY-MM-DD, where no partition key is given")},
    max_active_runs=4,
    default_args={"retries": 3, "retry_policy": by_error_class(), "execution_timeout": timedelta(hours=12)},
    doc_md=__doc__,
    tags=["cutouts"],
)
def historical_backfill() -> None:
    """Plan, segment, judge and publish every delivery of one day."""

    @task
    def deliveries() -> list[str]:
        return tasks.deliveries_on(tasks.day())

    @task
    def plan(delivery: str) -> list[str]:
        return tasks.plan(delivery)

    @task(max_active_tis_per_dag=DELIVERIES_AT_ONCE)
    def segment(shards: list[str]) -> None:
        tasks.segment(shards)

    @task
    def gate(plan_id: str) -> str:
        return tasks.gate(plan_id)

    @task(outlets=[CUTOUTS])
    def publish(delivery: str, gate_id: str) -> None:
        tasks.publish(gate_id)
        tasks.announce(CUTOUTS, [delivery])

    @task_group
    def one_delivery(delivery: str) -> None:
        shards = plan(delivery)
        judged = gate(shards["plan_id"])
        segment(shards) >> judged
        publish(delivery, judged)

    one_delivery.expand(delivery=deliveries())


historical_backfill()
