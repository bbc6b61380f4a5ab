"""Fails as requested under the retry policy of the project's DAGs, but without the wait."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from cutouts_airflow.retries import by_error_class


@dag(schedule=None, params={"error": Param("", type="string"), "words": Param(["as told"], type="array")})
def errors() -> None:
    """One task that raises the named error on its first two tries."""

    @task(retries=3, retry_delay=timedelta(0), retry_policy=by_error_class())
    def fail_twice() -> int:
        from airflow.sdk import get_current_context
        from airflow.sdk.module_loading import import_string

        context = get_current_context()
        if context["ti"].try_number <= 2:
            raise import_string(context["params"]["error"])(*context["params"]["words"])
        return int(context["ti"].try_number)

    fail_twice()


errors()
