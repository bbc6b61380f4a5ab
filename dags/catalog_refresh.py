"""### One delivery: photographs in, published cutouts out

Runs once per partition of the asset `manifest`. The partition key `YYYY-MM-DD/delivery_id` is its only input. To start
it by hand, trigger it with that key, as the param `delivery` or as the partition key.

* **plan** skips images that are known with the same content and recipe, and splits the rest into shards.
* **segment**, one per shard, cuts the images on the site's Dask cluster.
* **gate** judges the whole delivery: publish, publish all but the quarantined, or hold.
* **publish** changes the catalogue in one transaction, then adds the key to the asset `cutouts`, with the counts as the
  event's extra; if nothing changed since the last event, there is none. If the delivery is held, the task is skipped,
  and its log has the command that releases the delivery. After the release, clear the task, or wait until
  `announcements` announces it.

To run your own DAG after it, schedule it on `PartitionedAssetTimetable(assets=Asset("cutouts"))`; its partition key is
the delivery's key.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, TriggerRule, dag, task

from cutouts_airflow import announcing, order, tasks
from cutouts_airflow.assets import CUTOUTS, MANIFEST
from cutouts_airflow.params import delivery_key
from cutouts_airflow.retries import retrying
from cutouts_airflow.review_links import linked


@dag(
    schedule=PartitionedAssetTimetable(assets=MANIFEST),
    params=delivery_key("with a partition key"),
    max_active_runs=order.DELIVERIES_AT_ONCE,
    default_args=retrying(hours=6),
    doc_md=__doc__,
    tags=["cutouts"],
)
def catalog_refresh() -> None:
    """Plan, segment shard by shard, judge and publish one delivery."""

    @task(priority_weight=order.PLAN)
    def plan() -> list[str]:
        return tasks.plan(tasks.delivery())

    @task(
        priority_weight=order.SEGMENT,
        max_active_tis_per_dag=order.SHARDS_AT_ONCE,
        map_index_template="{{ task.op_kwargs['shard'] }}",
    )
    def segment(shard: str) -> None:
        tasks.segment([shard])

    @task(priority_weight=order.GATE, trigger_rule=TriggerRule.NONE_FAILED)  # a delivery without shards is judged too
    def gate(plan_id: str) -> str:
        return tasks.gate(plan_id)

    @task(priority_weight=order.PUBLISH, outlets=[CUTOUTS], on_success_callback=announcing.announced)
    def publish(gate_id: str) -> None:
        announcing.announce(CUTOUTS, tasks.publish(gate_id))

    shards = plan()
    judged = gate(shards["plan_id"])
    segment.expand(shard=shards) >> judged
    linked(judged, publish(judged))


catalog_refresh()
