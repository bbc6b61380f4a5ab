"""Airflow for tests: a separate home for `dag.test()`, and a running `airflow standalone`.

Import `airflow_home` or `airflow_service` into a folder's conftest to use them. Airflow reads its settings when it is
first imported, so tests import it inside their functions.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from cutouts_airflow.home import PROJECT, home_environment, service_environment
from cutouts_airflow.standalone import standalone
from tests.dask_cluster import free_port
from tests.waiting import PATIENCE, until

TEST_DAGS = PROJECT / "tests" / "dags" / "bundle"
"""DAGs of other teams and of these tests; parsed beside the project's own."""

BUNDLES = json.dumps(
    [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path)},
        }
        for name, path in (("dags-folder", PROJECT / "dags"), ("tests", TEST_DAGS))
    ]
)


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """The home of this process's Airflow, with its tables created."""
    return _home()


@cache
def _home() -> Path:
    """Created once per process, because Airflow cannot change its home after its import."""
    folder = _KEPT.enter_context(tempfile.TemporaryDirectory(prefix="cutouts-airflow-test-"))
    quiet = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES}
    os.environ.update(home_environment(Path(folder)) | quiet)
    from airflow.utils.db import initdb

    initdb()
    return Path(folder)


_KEPT = ExitStack()


@cache
def dag_bag() -> Mapping[str, Any]:
    """All DAGs by name, including those of the tests."""
    from airflow.dag_processing.dagbag import DagBag

    bags = [DagBag(dag_folder=str(folder)) for folder in (PROJECT / "dags", TEST_DAGS)]
    assert not any(bag.import_errors for bag in bags), [bag.import_errors for bag in bags]
    return {name: dag for bag in bags for name, dag in bag.dags.items()}


def task_states(run: Any) -> dict[str, list[str]]:
    """The states of each task's instances in a run of `dag.test()`."""
    states: dict[str, list[str]] = {}
    for task in run.get_task_instances():
        states.setdefault(task.task_id, []).append(str(task.state))
    return {name: sorted(found) for name, found in states.items()}


def announced(asset: str) -> set[str | None]:
    """The partition keys of all events of an asset in this process's home."""
    return {key for key, _ in events(asset)}


def events(asset: str, key: str | None = None) -> list[tuple[str | None, dict[str, Any]]]:
    """Partition key and extra of an asset's events in this process's home, oldest first; of one key if given."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(AssetEvent.partition_key, AssetEvent.extra).join(
            AssetModel, AssetModel.id == AssetEvent.asset_id
        )
        rows = found.filter(AssetModel.name == asset).order_by(AssetEvent.id)
        return [(one, extra) for one, extra in rows if key in (None, one)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running Airflow, and the root of the site that it works on."""

    url: str
    root: Path
    environment: Mapping[str, str]

    def get(self, path: str, **query: str) -> Any:
        """The response of the API."""
        answer = httpx.get(f"{self.url}/api/v2/{path}", params=query, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def trigger(self, dag_id: str, **body: Any) -> str:
        """Start a run through the API as a person would; gives its id."""
        answer = httpx.post(
            f"{self.url}/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, **body}, timeout=PATIENCE
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["dag_run_id"])

    def runs(self, dag_id: str, **where: str) -> list[dict[str, Any]]:
        """The runs of a DAG whose fields match `where`."""
        found = self.get(f"dags/{dag_id}/dagRuns", limit="100")["dag_runs"]
        return [run for run in found if all(run[name] == value for name, value in where.items())]

    def ended(self, dag_id: str, **where: str) -> dict[str, Any]:
        """The first matching run, once it has ended."""
        return until(lambda: [r for r in self.runs(dag_id, **where) if r["state"] in _ENDED])[0]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run; for a mapped task, the state of its last instance."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def log(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> str:
        """The log of the first try of a task."""
        task = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        lines = self.get(f"{task}/logs/1", map_index=str(map_index))["content"]
        return "\n".join(str(line.get("event", "")) + str(line.get("error_detail", "")) for line in lines)

    def announced(self, asset: str) -> set[str | None]:
        """The partition keys of all events of an asset."""
        return {event["partition_key"] for event in self.events(asset)}

    def events(self, asset: str) -> list[dict[str, Any]]:
        """The events of an asset; while a triggered run is still queued, Airflow 3.3.2 answers 500."""
        assets = {one["name"]: one["id"] for one in self.get("assets", limit="100")["assets"]}
        query = {"asset_id": assets[asset], "limit": 100}

        def answer() -> list[list[dict[str, Any]]]:
            got = httpx.get(f"{self.url}/api/v2/assets/events", params=query, timeout=PATIENCE)
            return [] if got.status_code == 500 else [got.json()["asset_events"]]

        return until(answer)[0]

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Repeat one task of a run and nothing else, as a person would."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False}
        answer = httpx.post(f"{self.url}/api/v2/dags/{dag_id}/clearTaskInstances", json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text


_ENDED = ("success", "failed")


LOG_PORTS = ("AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT", "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT")
"""One log server uses both ports."""


def serve(folder: Path, cluster: str, suite: str) -> Iterator[Service]:
    """`airflow standalone` with this project's DAGs and the tests', for a site below `folder` that uses `cluster`
    and the gate's `suite`.

    Photographs may be in the folders of all tests, which are beside `folder`.
    """
    root, scheme_host, port = folder / "site", *cluster.rsplit(":", 1)
    dask = {"conn_type": "dask", "host": scheme_host.removeprefix("tcp://"), "port": int(port)}
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CUTOUTS_"))}
    environment = outside | service_environment(folder / "home", host="127.0.0.1", port=free_port())
    environment |= {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "900",  # no file changes, and each takes a process
        **dict.fromkeys(LOG_PORTS, str(free_port())),
        "AIRFLOW_VAR_CUTOUTS": json.dumps(
            {"root": str(root), "shard_images": 2, "allowed_sources": [str(folder.parent)], "mask_quality": suite}
        ),
        "AIRFLOW_CONN_CUTOUTS_DASK": json.dumps(dask),
    }
    (root / "manifests").mkdir(parents=True)
    with standalone(environment, log=folder / "airflow.log") as url:
        service = Service(url=url, root=root, environment=environment)
        until(lambda: len(service.get("dags")["dags"]) >= len(list(PROJECT.glob("dags/*.py"))))
        yield service
