"""Where the links of Airflow's own pages and of messages lead."""

from __future__ import annotations

import pytest


def test_links_lead_below_the_path_of_airflows_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow may be behind a proxy that has other pages beside it."""
    from airflow.models.taskinstancekey import TaskInstanceKey

    from cutouts_airflow.review_links import ReviewLink, external_views
    from cutouts_airflow.reviewing import review_url

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://shop.example/airflow/")
    key = TaskInstanceKey(dag_id="catalog_refresh", task_id="gate", run_id="r")
    assert ReviewLink().get_link(None, ti_key=key) == "/airflow/cutouts/run?dag_id=catalog_refresh&run_id=r"
    assert [view["href"].partition("?")[0] for view in external_views()] == [
        "/airflow/cutouts/",
        "/airflow/cutouts/run",
    ]
    assert review_url("0a") == "https://shop.example/airflow/cutouts/gate/0a"
