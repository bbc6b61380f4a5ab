"""### Manifests in

Runs every hour, and as soon as a manifest arrives in the site's `manifests` store (a dataset has arrived when its
`_SUCCESS` is there, a single file when it was renamed into place).

* **landed** lists manifests that were not taken yet.
* **take**, one per manifest, validates and records it. Each accepted delivery waits in a queue from then on, and
  `announcements` hands it over to `catalog_refresh`. If nothing can be taken from a manifest, this task fails once and
  lists every problem. The manifest is read again when it changes, or when you clear this task.
* **report_refusals** fails the run if deliveries or manifests were refused, and names them; the others are processed.
  What an earlier run refused is only named in its log.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, task

from cutouts_airflow import order, tasks
from cutouts_airflow.assets import LANDING
from cutouts_airflow.retries import retrying


@dag(
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 * * * *", timezone="UTC"), assets=[LANDING]),
    max_active_runs=4,  # a manifest in an unreachable store is retried for an hour; others must not wait
    default_args=retrying(hours=1) | {"priority_weight": order.INTAKE},
    doc_md=__doc__,
    tags=["cutouts"],
)
def manifest_intake() -> None:
    """Take every manifest that arrived, and report what was refused."""

    @task
    def landed() -> list[str]:
        return tasks.landed()

    @task(map_index_template="{{ task.op_kwargs['manifest'] }}")
    def take(manifest: str) -> None:
        tasks.take(manifest)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report_refusals(manifests: list[str]) -> None:
        tasks.report_refusals(manifests)

    manifests = landed()
    take.expand(manifest=manifests) >> report_refusals(manifests)


manifest_intake()
