"""Another team's DAG: runs once per published delivery and knows only the asset's name."""

from __future__ import annotations

from airflow.sdk import Asset, PartitionedAssetTimetable, dag, task


@dag(schedule=PartitionedAssetTimetable(assets=Asset("cutouts")))
def price_feed() -> None:
    """Print the announced delivery."""

    @task
    def told() -> str:
        from airflow.sdk import get_current_context

        return str(get_current_context()["dag_run"].partition_key)

    told()


price_feed()
