"""The standing Dask scheduler that a Connection names.

Host, port and, for TLS, the extra `{"protocol": "tls", "tls_ca_file": …, "tls_cert": …, "tls_key": …}`. Airflow takes
Connection types for its form from installed providers only, so make it with type `dask` by command, API or environment:
`AIRFLOW_CONN_CUTOUTS_DASK='{"conn_type": "dask", "host": "10.0.0.5", "port": 8786}'`.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from cutouts.core.errors import CutoutsError
from cutouts_airflow.settings import DASK_CONNECTION, cluster_settings, site


class DaskHook(BaseHook):
    """What the site's settings say of the cluster, from the Connection."""

    conn_name_attr = "dask_conn_id"
    default_conn_name = DASK_CONNECTION
    conn_type = "dask"
    hook_name = "Dask scheduler"

    def __init__(self, dask_conn_id: str = DASK_CONNECTION) -> None:
        super().__init__()
        self.dask_conn_id = dask_conn_id

    def get_conn(self) -> Any:
        """An open runner's context manager (`cutouts.runner.open_runner`) on that scheduler."""
        from cutouts.core.config import parse_site
        from cutouts.runner import open_runner

        there = cluster_settings(self.get_connection(self.dask_conn_id))
        return open_runner(parse_site({**site().model_dump(), **there}, {}))

    def test_connection(self) -> tuple[bool, str]:
        """Whether the scheduler answers and has workers that run what we run; why not, else."""
        try:
            with self.get_conn() as runner:
                return True, str(runner.describe())
        except CutoutsError as error:
            return False, str(error)
