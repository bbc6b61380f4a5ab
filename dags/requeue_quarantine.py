"""### Quarantined images once more

One run cuts quarantined images once more with another network, and publishes those that the gate lets through. Trigger
it with the network, and with a selection: a delivery, days, suppliers, categories, products, a part of the gate's
reason, or *All*. `dry_run` only logs how many images, why they are in quarantine, and which network would cut them. An
image that is quarantined again stays in quarantine, and is not tried with the same network again.

It is a backfill: its tasks are those of `historical_backfill`, in the same pool and with the same priority, and
`backfill_tomorrow` continues it if `images` or `hours` stopped it.

* **chosen** lists the deliveries with work; its log has the reasons and counts.
* **one_delivery**, a group per delivery: plan → segment → gate → publish, each named after the delivery.
* **finish** records where the backfill stands.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from cutouts_airflow import backfilling, order
from cutouts_airflow.older_deliveries import work_through
from cutouts_airflow.params import budget, selection
from cutouts_airflow.retries import retrying


@dag(
    schedule=None,
    params={
        "model": Param(type="string", minLength=1, title="Network", description="A name in the model table."),
        "delivery": Param(None, type=["null", "string"], title="Delivery", description="A delivery id, or a key."),
        **selection(),
        "reason": Param("", type="string", title="Reason", description="A part of the gate's reason."),
        "everything": Param(False, type="boolean", title="All", description="Every quarantined image."),
        "refused_too": Param(False, type="boolean", title="Rejected too", description="Also what a person rejected."),
        **budget(),
    },
    max_active_runs=1,  # two runs of one selection would do the same work twice
    default_args=retrying(hours=12) | {"pool": order.BACKFILL_POOL},
    doc_md=__doc__,
    tags=["cutouts"],
)
def requeue_quarantine() -> None:
    """Plan, segment, judge and publish quarantined images by another network, delivery by delivery."""
    work_through(backfilling.quarantined)


requeue_quarantine()
