"""### Renditions: pictures for shops and marketplaces

Runs once per partition of the asset `cutouts`, after a delivery was published, and renders the delivery's missing or
stale pictures, without the network. To start it by hand, for example after a rendition was added or changed, trigger it
without a key: it then works on the whole catalogue. Or trigger it with a delivery as the param `delivery`.

* **render** makes the renditions that the setting `renditions` names, on the site's Dask cluster. If a picture cannot
  be made, it makes all others, and then fails; clear it to try again. Without the setting it is skipped.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, dag, task

from cutouts_airflow import order, tasks
from cutouts_airflow.assets import CUTOUTS
from cutouts_airflow.params import delivery_key
from cutouts_airflow.retries import retrying


@dag(
    schedule=PartitionedAssetTimetable(assets=CUTOUTS),
    params=delivery_key("for the whole catalogue"),
    max_active_runs=1,
    default_args=retrying(hours=6),
    doc_md=__doc__,
    tags=["cutouts"],
)
def catalog_renditions() -> None:
    """Render the stale pictures of a delivery, or of the whole catalogue."""

    @task(priority_weight=order.RENDER)
    def render() -> None:
        tasks.render(tasks.delivery_if_any())

    render()


catalog_renditions()
