"""### Older deliveries again

One run is one backfill. Trigger it with what to go back to: days, suppliers, categories, products, or `stale` for
everything that another recipe made. `dry_run` only logs how many images, why, how long and how many bytes. `images` and
`hours` stop it for today; `backfill_tomorrow` continues it every evening, and so does a run with `resume`.

* **chosen** lists the deliveries with work; its log has the reasons and counts.
* **one_delivery**, a group per delivery: plan → segment → gate → publish, each named after the delivery. A delivery
  that fails or is held stops none of the others; shards are cut out one after the other, in a pool of their own, and
  every task waits behind those of `catalog_refresh`, so that tonight's refresh keeps its place on the cluster. The log
  of `segment` says how far the backfill is, and how long it will take; so does `cutouts status`.
* **finish** records where the backfill stands.

To stop it, mark the run as failed, or `cutouts backfill --cancel ID`; trigger it again to continue. Airflow's own
backfill (*Trigger* → *Backfill*) works too, one run per day.
"""

from __future__ import annotations

from airflow.sdk import Param, TriggerRule, dag, task, task_group

from cutouts_airflow import announcing, backfilling, order, tasks
from cutouts_airflow.assets import CUTOUTS
from cutouts_airflow.retries import retrying
from cutouts_airflow.timetable import BackfillDays

NAME = "{{ task.op_kwargs['delivery'] }}"
DAY = {"type": ["null", "string"], "format": "date"}
NAMES = {"type": "array", "items": {"type": "string"}}


@dag(
    schedule=BackfillDays(),
    params={
        "day": Param(None, **DAY, title="Day", description="YYYY-MM-DD: one day only."),
        "first": Param(None, **DAY, title="First day", description="YYYY-MM-DD."),
        "last": Param(None, **DAY, title="Last day", description="YYYY-MM-DD."),
        "suppliers": Param([], **NAMES, title="Suppliers", description="Delivery ids; * and ? match any text."),
        "categories": Param([], **NAMES, title="Categories"),
        "products": Param([], **NAMES, title="Products", description="Product ids."),
        "stale": Param(False, type="boolean", title="Stale", description="Only what another recipe made."),
        "newest_first": Param(False, type="boolean", title="Newest first"),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Only log what there is to do."),
        "images": Param(None, type=["null", "integer"], minimum=1, title="Images for today"),
        "hours": Param(None, type=["null", "number"], exclusiveMinimum=0, title="Hours for today"),
        "resume": Param(None, type=["null", "string"], title="Resume", description="The id of a backfill."),
    },
    max_active_runs=1,  # two runs of one selection would do the same work twice
    default_args=retrying(hours=12) | {"pool": order.BACKFILL_POOL},
    doc_md=__doc__,
    tags=["cutouts"],
)
def historical_backfill() -> None:
    """Plan, segment, judge and publish what a backfill selects, delivery by delivery."""

    @task(priority_weight=order.BACKFILL + order.PLAN)
    def chosen() -> list[backfilling.Work]:
        return backfilling.chosen()

    @task(priority_weight=order.BACKFILL + order.PLAN, map_index_template=NAME)
    def plan(delivery: str, backfill: str, images: int) -> list[str]:
        return backfilling.plan(delivery, backfill, images)

    @task(
        priority_weight=order.BACKFILL + order.SEGMENT,
        max_active_tis_per_dag=order.OLDER_AT_ONCE,
        map_index_template=NAME,
    )
    def segment(delivery: str, backfill: str, shards: list[str]) -> None:  # noqa: ARG001 -- names the group
        backfilling.segment(backfill, shards)

    @task(priority_weight=order.BACKFILL + order.GATE, map_index_template=NAME)
    def gate(delivery: str, plan_id: str) -> str:  # noqa: ARG001 -- as above
        return tasks.gate(plan_id)

    @task(
        priority_weight=order.BACKFILL + order.PUBLISH,
        outlets=[CUTOUTS],
        on_success_callback=announcing.announced,
        map_index_template=NAME,
    )
    def publish(delivery: str, backfill: str, whole: bool, gate_id: str) -> None:
        announcing.announce(CUTOUTS, backfilling.publish(delivery, backfill, whole, gate_id))

    @task_group
    def one_delivery(delivery: str, backfill: str, images: int, whole: bool) -> None:
        shards = plan(delivery=delivery, backfill=backfill, images=images)
        judged = gate(delivery=delivery, plan_id=shards["plan_id"])
        segment(delivery=delivery, backfill=backfill, shards=shards) >> judged
        publish(delivery=delivery, backfill=backfill, whole=whole, gate_id=judged)

    @task(priority_weight=order.BACKFILL + order.PUBLISH, trigger_rule=TriggerRule.ALL_DONE)
    def finish(work: list[backfilling.Work]) -> None:
        backfilling.finish(work)

    work = chosen()
    one_delivery.expand_kwargs(work) >> finish(work)


historical_backfill()
