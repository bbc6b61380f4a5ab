"""Registers with Airflow what this site has besides its DAGs: the package `cutouts_airflow` in the same folder.

Every Airflow process executes this file, so it imports nothing heavy. The package is named in `.airflowignore`, because
Airflow would otherwise import each of its files under the bare stem (`settings`, `hosts`, …) and hide other modules.
"""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin

from cutouts_airflow.hosts import middlewares
from cutouts_airflow.review_links import FASTAPI_APPS, ReviewLink, external_views
from cutouts_airflow.timetable import BackfillDays


class CutoutsPlugin(AirflowPlugin):
    """Registers the review pages, and classes that Airflow must find by name when it reads a DAG from its database."""

    name = "cutouts"
    timetables: ClassVar = [BackfillDays]
    fastapi_apps: ClassVar = FASTAPI_APPS
    external_views: ClassVar = external_views()
    operator_extra_links: ClassVar = [ReviewLink()]
    fastapi_root_middlewares: ClassVar = middlewares()
