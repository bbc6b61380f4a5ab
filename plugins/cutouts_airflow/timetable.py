"""The timetable of days for Airflow's backfill."""

from __future__ import annotations

from typing import Any

from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable


class BackfillDays(CronPartitionTimetable):
    """One partition per day, with the key `YYYY-MM-DD`; the scheduler itself starts none of them.

    A DAG with an `end_date` in the past would behave the same, but its manual runs would succeed without any tasks.
    """

    def __init__(self) -> None:
        super().__init__("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d")
        self.description = "Never by itself: one run per day that a person backfills or triggers"

    @property
    def summary(self) -> str:
        """The schedule that Airflow's pages show; a cron expression would look as if the scheduler started runs."""
        return "Backfill only"

    def next_dagrun_info_v2(
        self,
        *,
        last_dagrun_info: DagRunInfo | None,  # noqa: ARG002 -- Airflow's signature
        restriction: TimeRestriction,  # noqa: ARG002 -- as above
    ) -> DagRunInfo | None:
        """No run is ever due."""
        return None

    def serialize(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> BackfillDays:  # noqa: ARG003 -- Airflow's signature
        """The timetable, created again."""
        return cls()
