"""What the tests of the plugin share: Airflow's settings in place before it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow_home import airflow_home
from tests.dask_cluster import standing_scheduler

__all__ = ["airflow_home", "standing_scheduler"]


@pytest.fixture(autouse=True)
def _airflow(airflow_home: Path) -> None:
    """Every test here may import Airflow."""
