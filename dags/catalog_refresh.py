"""### One delivery: photographs in, published cutouts out

Runs once per partition of the asset `manifest`; the partition key `YYYY-MM-DD/delivery_id` is all that it gets.
By hand: trigger it with that partition key, or with the param `delivery`.

* **plan** skips what is already decided under the same content and recipe, and splits the rest into shards.
* **segment**, one per shard, cuts out on the site's Dask cluster.
* **gate** judges the whole delivery: publish, publish all but the quarantined, or hold.
* **publish** changes the catalogue in one transaction, then adds the key to the asset `cutouts`. A held delivery skips
  it, the log says why: nothing is published or announced until `cutouts publish --approve DELIVERY` releases it.

To run after it, schedule a DAG on `PartitionedAssetTimetable(assets=Asset("cutouts"))`; its partition key is the
delivery's key.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, PartitionedAssetTimetable, TriggerRule, dag, task

from cutouts_airflow import tasks
from cutouts_airflow.assets import CUTOUTS, MANIFEST
from cutouts_airflow.retries import by_error_class

SHARDS_AT_ONCE = 2  # over all runs: each opens a local cluster, or fills its share of the standing one


@dag(
    schedule=PartitionedAssetTimetable(assets=MANIFEST),
    params={"delivery": Param("", type="string", description="YYYY-MM-DD/delivery_id, without a partition key")},
    max_active_runs=16,
    default_args={"retries": 3, "retry_policy": by_error_class(), "execution_timeout": timedelta(hours=6)},
    doc_md=__doc__,
    tags=["cutouts"],
)
def catalog_refresh() -> None:
    """Plan, segment shard by shard, judge and publish one delivery."""

    @task
    def plan() -> list[str]:
        return tasks.plan(tasks.delivery())

    @task(max_active_tis_per_dag=SHARDS_AT_ONCE, map_index_template="{{ task.op_kwargs['shard'] }}")
    def segment(shard: str) -> None:
        tasks.segment([shard])

    @task(trigger_rule=TriggerRule.NONE_FAILED)  # nothing to cut out is no reason not to judge
    def gate(plan_id: str) -> str:
        return tasks.gate(plan_id)

    @task(outlets=[CUTOUTS])
    def publish(gate_id: str) -> None:
        tasks.publish(gate_id)
        tasks.announce(CUTOUTS, [tasks.delivery()])

    shards = plan()
    judged = gate(shards["plan_id"])
    segment.expand(shard=shards) >> judged
    publish(judged)


catalog_refresh()
