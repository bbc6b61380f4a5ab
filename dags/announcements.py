"""### Announce and hand over

Runs when a record shows that something has to be announced or started. For most deliveries it does not run, because
`catalog_refresh` and `historical_backfill` announce what they publish themselves.

* **deliveries** adds waiting deliveries to the asset `manifest`, as many as may be in progress at a time: each starts a
  run of `catalog_refresh`. The others wait in the site's queue, not as runs, and follow as soon as a delivery has
  ended.
* **unannounced** lists deliveries with publications that were not announced: a person released them with
  `cutouts publish --approve`, or a task was killed between publishing and announcing.
* **publication**, one per delivery, adds its key to the asset `cutouts`, with the counts as the event's extra.
* **undecided** lists decisions of the gate that wait for a person and about which nobody was asked yet.
* **question**, one per decision, starts a run of `delivery_review`, which asks.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, task

from cutouts_airflow import announcing, order, reviewing
from cutouts_airflow.assets import CUTOUTS, MANIFEST, UNTOLD
from cutouts_airflow.retries import retrying


@dag(
    schedule=[UNTOLD],
    max_active_runs=1,
    default_args=retrying(hours=1) | {"priority_weight": order.INTAKE, "retries": 2},  # the watcher triggers it again
    doc_md=__doc__,
    tags=["cutouts"],
)
def announcements() -> None:
    """Hand over waiting deliveries, and announce publications that were not announced yet."""

    @task(outlets=[MANIFEST], on_success_callback=announcing.handed_over)
    def deliveries() -> None:
        announcing.hand_over(MANIFEST)

    @task
    def unannounced() -> list[str]:
        return list(announcing.unannounced())

    @task(
        outlets=[CUTOUTS],
        on_success_callback=announcing.announced,
        map_index_template="{{ task.op_kwargs['delivery'] }}",
    )
    def publication(delivery: str) -> None:
        announcing.announce(CUTOUTS, delivery)

    @task
    def undecided() -> list[dict[str, Any]]:
        return reviewing.unasked()

    question = TriggerDagRunOperator.partial(
        task_id="question", trigger_dag_id=reviewing.REVIEW, skip_when_already_exists=True
    )

    deliveries()
    question.expand_kwargs(undecided())
    publication.expand(delivery=unannounced())


announcements()
