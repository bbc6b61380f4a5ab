"""Tells Airflow that this site's DAGs bring code of their own: the package `cutouts_airflow` beside this file.

Every Airflow process executes this file, so it imports nothing heavy. The package is named in `.airflowignore`, because
Airflow would otherwise import each of its files under the bare stem (`settings`, `hook`, …) and hide other modules.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class CutoutsPlugin(AirflowPlugin):
    """Shown by `airflow plugins`; the folder it lies in is what makes `cutouts_airflow` importable."""

    name = "cutouts"
