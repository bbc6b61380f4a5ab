"""When Airflow retries a task, according to Airflow itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.airflow_home import dag_bag

ENDED = datetime(2026, 1, 1, tzinfo=UTC)


def _delays(task: Any) -> list[timedelta]:
    """How long Airflow waits after each failed try except the last."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.serialization.serialized_objects import DagSerialization

    known = DagSerialization.from_dict(DagSerialization.to_dict(task.dag)).get_task(task.task_id)
    instance = TaskInstance(task=known, run_id="any", dag_version_id=None)
    instance.end_date = ENDED
    delays = []
    for instance.try_number in range(1, task.retries + 1):
        delays.append(instance.next_retry_datetime() - ENDED)
    return delays


@pytest.mark.parametrize("name", ["manifest_intake", "catalog_refresh", "historical_backfill"])
def test_a_task_is_retried_within_seconds_and_for_more_than_an_hour(name: str) -> None:
    """A killed task is retried at once, and a cluster may be away for an hour and is then found within minutes."""
    for task in dag_bag()[name].tasks:
        delays = _delays(task)
        assert delays[0] <= timedelta(seconds=10)
        assert max(delays) <= timedelta(minutes=5)
        assert sum(delays, timedelta()) >= timedelta(hours=1)
        assert sorted(delays) == delays
