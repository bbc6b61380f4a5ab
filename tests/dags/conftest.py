"""What the tests of the DAGs share: Airflow with and without services, and a separate site for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cutouts.core.config import Site
from tests.airflow_home import Service, airflow_home, serve
from tests.dask_cluster import Cluster

__all__ = ["airflow_home"]


@pytest.fixture
def site(airflow_home: Path, tmp_path: Path, quick_suite: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A new site that works in a plain loop, as described by `CUTOUTS_*`."""
    root, allowed = str(tmp_path / "site"), (str(tmp_path),)
    here = Site(root=root, cluster="serial", mask_quality=quick_suite, allowed_sources=allowed)
    monkeypatch.setenv("CUTOUTS_ROOT", here.root)
    monkeypatch.setenv("CUTOUTS_CLUSTER", here.cluster)
    monkeypatch.setenv("CUTOUTS_MASK_QUALITY", quick_suite)
    monkeypatch.setenv("CUTOUTS_ALLOWED_SOURCES", str(tmp_path))
    return here


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A standing Dask scheduler with workers, which a test may stop for a while."""
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def airflow_service(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, quick_suite: str) -> Iterator[Service]:
    """A running Airflow whose site works on that cluster. It ends with its tests, because it is never idle."""
    yield from serve(tmp_path_factory.mktemp("standalone"), cluster.address, quick_suite)
