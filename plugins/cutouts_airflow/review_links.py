"""Leads from Airflow's own pages to the review pages: an entry in the navigation, a tab of a run, a link of a task.

Every process of Airflow imports this, so the pages themselves are imported when the first one is requested.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink

PREFIX: Final = "/cutouts"
"""Where the review pages are, below Airflow's own address."""


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

EXTERNAL_VIEWS: Final[list[dict[str, Any]]] = [
    {
        "name": "Review",
        "href": f"{PREFIX}/",
        "destination": "nav",
        "nav_top_level": True,
        "url_route": "cutouts_review",
    },
    {
        "name": "Review",
        "href": f"{PREFIX}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
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
        return f"{PREFIX}/run?{query}"


def linked(*tasks: Any) -> None:
    """Give these tasks of a DAG the link to the review pages."""
    for task in tasks:
        task.operator.operator_extra_links = (ReviewLink(),)
