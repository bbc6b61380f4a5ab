"""### Older deliveries again

One run is one backfill. Select what to process: days, suppliers, categories, products, or `stale` for everything that
another recipe made. `dry_run` only logs how many images, why, how long and how many bytes. `images` and `hours` stop it
for today; `backfill_tomorrow` continues it every evening, and so does a run with `resume`.

* **chosen** lists the deliveries with work; its log has the reasons and counts.
* **one_delivery**, a group per delivery: plan → segment → gate → publish, each named after the delivery. A delivery
  that fails or is held does not stop the others. Shards are cut one after the other, in a separate pool, and every task
  waits for those of `catalog_refresh`, so that new deliveries come first. The log of `segment` and `cutouts status` say
  how far the backfill is, and how long it will take.
* **finish** records where the backfill stands.

To stop it, mark the run as failed, or call `cutouts backfill --cancel ID`. Trigger it again to continue. Airflow's own
backfill (*Trigger* → *Backfill*) works too, one run per day.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from cutouts_airflow import backfilling, order
from cutouts_airflow.older_deliveries import work_through
from cutouts_airflow.params import DAY, budget, selection
from cutouts_airflow.retries import retrying
from cutouts_airflow.timetable import BackfillDays


@dag(
    schedule=BackfillDays(),
    params={
        "day": Param(None, **DAY, title="Day", description="YYYY-MM-DD: one day only."),
        **selection(),
        "stale": Param(False, type="boolean", title="Stale", description="Only what another recipe made."),
        "newest_first": Param(False, type="boolean", title="Newest first"),
        **budget(),
        "resume": Param(None, type=["null", "string"], title="Resume", description="The id of a backfill."),
    },
    max_active_runs=1,  # two runs of one selection would do the same work twice
    default_args=retrying(hours=12) | {"pool": order.BACKFILL_POOL},
    doc_md=__doc__,
    tags=["cutouts"],
)
def historical_backfill() -> None:
    """Plan, segment, judge and publish what a backfill selects, delivery by delivery."""
    work_through(backfilling.chosen)


historical_backfill()
