"""Another team's DAG: runs once per delivery that was published, and knows nothing of this project but a name."""

from __future__ import annotations

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task


@dag(schedule=PartitionedAssetTimetable(assets=Asset("cutouts")))
def price_feed() -> None:
    """Say which delivery it was told of."""

    @task
    def told() -> str:
        from airflow.sdk import get_current_context

        return str(get_current_context()["dag_run"].partition_key)

    told()


price_feed()
