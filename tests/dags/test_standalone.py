"""The DAGs under `airflow standalone` on a standing Dask scheduler, with one Airflow for all of these tests."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
import sqlalchemy as sa

from cutouts import intake
from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from tests.airflow_home import Service
from tests.dask_cluster import Cluster
from tests.deliveries import land, manifest_of, nothing, photograph, product
from tests.waiting import PATIENCE, until

DAY = date(2026, 5, 6)


def _published(service: Service) -> set[str]:
    with sa.create_engine(f"sqlite:///{service.root}/catalog.sqlite").connect() as connection:
        return set(connection.scalars(sa.text("SELECT delivery_id || ' ' || image_id FROM published_cutouts")))


def _studio(folder: Path, **deliveries: list[Bytes]) -> pa.Table:
    for name, pictures in deliveries.items():
        photograph(folder / name, *pictures)
    return manifest_of(folder)


@pytest.fixture(scope="module")
def landed(airflow_service: Service, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The refreshes of two deliveries of a manifest that only arrived: one is published, and one is held."""
    folder = tmp_path_factory.mktemp("landed")
    table = _studio(folder, **{"shoes": [product(0), product(1)], "it's dim": [*map(nothing, range(5)), product(6)]})
    land(airflow_service.root / "manifests", "tonight", DAY, table)
    names = ("shoes", "it's dim")
    return {name: airflow_service.ended("catalog_refresh", partition_key=f"{DAY}/{name}") for name in names}


def test_a_landed_manifest_is_published_and_announced_by_delivery(
    airflow_service: Service, landed: dict[str, dict[str, Any]]
) -> None:
    """Nobody triggers anything: intake, one refresh per delivery, rows, and the event for another team's DAG."""
    assert {run["state"] for run in landed.values()} == {"success"}
    assert {"shoes shoes/00.png", "shoes shoes/01.png"} <= _published(airflow_service)
    assert airflow_service.ended("price_feed", partition_key=f"{DAY}/shoes")["state"] == "success"
    assert f"{DAY}/shoes" in airflow_service.announced("cutouts")


def test_a_held_delivery_is_announced_once_it_is_released_by_the_logged_command(
    airflow_service: Service, landed: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Its task is skipped before that; cleared, it succeeds and announces nothing again."""
    key, run_id = f"{DAY}/it's dim", landed["it's dim"]["dag_run_id"]
    assert airflow_service.task_states("catalog_refresh", run_id)["publish"] == "skipped"
    assert key not in airflow_service.announced("cutouts")
    assert not airflow_service.runs("price_feed", partition_key=key)
    lines = airflow_service.log("catalog_refresh", run_id, "publish").splitlines()
    assert any("is held" in line for line in lines)
    (command,) = (line.strip() for line in lines if "--approve" in line)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, env={**os.environ, "PATH": path})

    (event,) = until(lambda: [one for one in airflow_service.events("cutouts") if one["partition_key"] == key])
    counts = {name: event["extra"][name] for name in ("images", "published", "quarantined")}
    assert counts == {"images": 6, "published": 1, "quarantined": 5}
    airflow_service.clear("catalog_refresh", run_id, "publish")
    until(lambda: airflow_service.task_states("catalog_refresh", run_id)["publish"] == "success")
    assert [one["partition_key"] for one in airflow_service.events("cutouts")].count(key) == 1


def test_a_delivery_is_refreshed_by_hand_through_the_api(airflow_service: Service, tmp_path: Path) -> None:
    """It is named by a parameter, and the event has its partition key."""
    table = _studio(tmp_path / "studio", caps=[product(4)])
    site = Site(root=str(airflow_service.root))
    intake.take(site, str(land(tmp_path, "by-hand", date(2026, 5, 7), table)))

    run_id = airflow_service.trigger("catalog_refresh", conf={"delivery": "2026-05-07/caps"})
    assert airflow_service.ended("catalog_refresh", dag_run_id=run_id)["state"] == "success"
    assert "caps caps/00.png" in _published(airflow_service)
    assert "2026-05-07/caps" in airflow_service.announced("cutouts")
    assert airflow_service.ended("price_feed", partition_key="2026-05-07/caps")["state"] == "success"


def test_a_cluster_that_is_away_for_a_while_costs_only_time(
    airflow_service: Service, cluster: Cluster, tmp_path: Path
) -> None:
    """Its scheduler stops and `segment` fails and waits; another one starts there, and the run, which was started by
    partition key, succeeds."""
    table = _studio(tmp_path / "studio", scarves=[product(7)])
    intake.take(Site(root=str(airflow_service.root)), str(land(tmp_path, "away", date(2026, 5, 9), table)))
    with cluster.away():
        run_id = airflow_service.trigger("catalog_refresh", partition_key="2026-05-09/scarves")
        until(lambda: airflow_service.task_states("catalog_refresh", run_id).get("segment") == "up_for_retry")
    assert airflow_service.ended("catalog_refresh", dag_run_id=run_id)["state"] == "success"
    assert "no Dask scheduler answers" in airflow_service.log("catalog_refresh", run_id, "segment", map_index=0)
    assert "scarves scarves/00.png" in _published(airflow_service)
    assert "2026-05-09/scarves" in airflow_service.announced("cutouts")


def test_a_backfill_runs_its_days_and_cuts_only_new_images(airflow_service: Service, tmp_path: Path) -> None:
    """`airflow backfill create` covers two days, and the second day repeats an image of the first."""
    site = Site(root=str(airflow_service.root))
    for day, name in ((date(2025, 1, 1), "boots"), (date(2025, 1, 2), "belts")):
        table = _studio(tmp_path / name, **{name: [product(5)]})
        intake.take(site, str(land(tmp_path, f"archive-{name}", day, table)))

    days = ["--from-date", "2025-01-01", "--to-date", "2025-01-02"]
    subprocess.run(
        ["airflow", "backfill", "create", "--dag-id", "historical_backfill", "--max-active-runs", "1", *days],
        env={**os.environ, **airflow_service.environment},
        check=True,
    )
    runs = [airflow_service.ended("historical_backfill", partition_key=f"2025-01-0{day}") for day in (1, 2)]
    assert [(run["run_type"], run["state"]) for run in runs] == [("backfill", "success")] * 2
    assert {"boots boots/00.png", "belts belts/00.png"} <= _published(airflow_service)
    known = airflow_service.log("historical_backfill", runs[1]["dag_run_id"], "one_delivery.plan", map_index=0)
    assert "already known, nothing to cut" in known


def test_only_the_intake_runs_on_a_schedule(airflow_service: Service) -> None:
    """The backfill has only the runs that were requested."""
    until(lambda: airflow_service.runs("manifest_intake"))
    assert {run["run_type"] for run in airflow_service.runs("historical_backfill")} <= {"backfill", "manual"}
    assert not airflow_service.get("importErrors")["import_errors"]
    assert not airflow_service.get("plugins/importErrors")["import_errors"]


def _listening(process: psutil.Process) -> list[Any]:
    """The addresses at which a process of Airflow listens; none if it has ended meanwhile."""
    try:
        if "airflow" not in " ".join(process.cmdline()):
            return []
        return [one.laddr for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


def test_it_listens_only_on_the_loopback_interface(airflow_service: Service) -> None:
    """This holds for each of its processes, including the log servers."""
    listening = [one for process in psutil.Process().children(recursive=True) for one in _listening(process)]
    environment = airflow_service.environment
    ports = {"AIRFLOW__API__PORT", "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"}
    assert {int(environment[name]) for name in ports} <= {one.port for one in listening}
    assert [one for one in listening if one.ip not in ("127.0.0.1", "::1")] == []


def test_it_answers_only_its_own_pages(airflow_service: Service) -> None:
    """Other host names for this machine and pages of other sites are refused; its own pages work."""
    port = airflow_service.url.rpartition(":")[2]

    def status(path: str = "api/v2/version", method: str = "GET", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, f"{airflow_service.url}/{path}", headers=named, timeout=PATIENCE).status_code

    assert status() == status(host=f"localhost:{port}") == 200
    assert status(origin=airflow_service.url, sec_fetch_site="same-origin") == 200
    for path in ("", "api/v2/version", "execution/docs", "auth/token"):
        assert status(path, host="rebound.example") == 403
        assert status(path, host=f"rebound.example:{port}") == 403
        assert status(path, origin="https://elsewhere.example") == 403
    runs = "api/v2/dags/catalog_refresh/dagRuns"
    assert status(runs, "POST", sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403


def test_its_home_is_private(airflow_service: Service) -> None:
    """Database, keys and logs are in a folder that nobody else can read."""
    home = Path(airflow_service.environment["AIRFLOW_HOME"])
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for file in home.glob("airflow.*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
