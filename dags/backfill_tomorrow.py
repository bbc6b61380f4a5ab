"""### Continue backfills

Runs every evening at 20:00 UTC. It continues backfills whose budget of images or hours was used up, each with the same
budget again, as a run of `historical_backfill`. To stop this, pause this DAG.

* **paused** lists these backfills.
* **again**, one per backfill, triggers the run that continues it.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, task

from cutouts_airflow import backfilling, order
from cutouts_airflow.retries import retrying


@dag(
    schedule=CronTriggerTimetable("0 20 * * *", timezone="UTC"),
    max_active_runs=1,
    default_args=retrying(hours=1) | {"priority_weight": order.INTAKE},
    doc_md=__doc__,
    tags=["cutouts"],
)
def backfill_tomorrow() -> None:
    """Continue every backfill whose budget was used up."""

    @task
    def paused() -> list[dict[str, str]]:
        return backfilling.paused()

    again = TriggerDagRunOperator.partial(task_id="again", trigger_dag_id="historical_backfill")
    again.expand(conf=paused())


backfill_tomorrow()
