"""Leads from Airflow's own pages to the review pages: an entry in the navigation, a tab of a run, a link of a task.

Every process of Airflow imports this, so the pages themselves are imported when the first one is requested.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

PREFIX: Final = "/cutouts"
"""Where the review pages are, below Airflow's own address."""


def base_url() -> str:
    """Airflow's own address, as a person configured it, without a slash at its end; empty if there is none."""
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def pages_path() -> str:
    """Where the review pages are, as the browser sees it: below the path of Airflow's own address."""
    return f"{urlsplit(base_url()).path}{PREFIX}"


class LazyApp:
    """An ASGI app that is imported with the first request: its libraries would slow down every worker."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            from airflow.sdk.module_loading import import_string

            self._app = import_string(self._path)
        await self._app(scope, receive, send)


FASTAPI_APPS: Final[list[dict[str, Any]]] = [
    {"app": LazyApp("cutouts_airflow.review_app.app"), "url_prefix": PREFIX, "name": "cutouts review"}
]


def external_views() -> list[dict[str, Any]]:
    """The entry in the navigation, and the tab of a run."""
    return [
        {
            "name": "Review",
            "href": f"{pages_path()}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "cutouts_review",
        },
        {
            "name": "Review",
            "href": f"{pages_path()}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "cutouts_review_run",
        },
    ]


class ReviewLink(BaseOperatorLink):
    """The link of a task to the images of its run's delivery."""

    name = "Review"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 -- Airflow's signature
        """The address of the review page of the task's run."""
        query = urlencode({"dag_id": ti_key.dag_id, "run_id": ti_key.run_id})
        return f"{pages_path()}/run?{query}"


def linked(*tasks: Any) -> None:
    """Give these tasks of a DAG the link to the review pages."""
    for task in tasks:
        task.operator.operator_extra_links = (ReviewLink(),)
