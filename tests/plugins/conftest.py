"""What the tests of the plugin share: Airflow's settings are set before it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.airflow_home import airflow_home

__all__ = ["airflow_home"]


@pytest.fixture(autouse=True)
def _airflow(airflow_home: Path) -> None:
    """Every test here may import Airflow."""
