"""The environment of an Airflow whose files are all in one folder. It does not import Airflow, so it can be set before
Airflow is imported.

`AIRFLOW__SECTION__KEY` variables that are already set take precedence in a service (`over`), but never in a temporary
home.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that contains dags/ and plugins/."""


LOOPBACK = ("127.0.0.1", "localhost")
"""Hosts that only this machine can reach."""
DATABASE = "airflow.db"
"""The file name of a home's database."""
HOSTS = "AIRFLOW__CUTOUTS__HOSTS"
"""The variable with the host names under which a browser may access an Airflow without a password, separated by
blanks."""


def settings_file() -> str | None:
    """The site's settings file: the one that `CUTOUTS_CONFIG` names, or `cutouts.toml` beside our code, which is
    trusted like the code; None if there is neither."""
    named, beside = os.environ.get("CUTOUTS_CONFIG"), PROJECT / "cutouts.toml"
    if named:
        return str(Path(named).resolve())
    return str(beside) if beside.is_file() else None


def home_environment(home: Path, *, dags: Path = PROJECT / "dags") -> dict[str, str]:
    """The environment of every Airflow process of that home: SQLite in the home, and this project's DAGs and
    plugins."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/{DATABASE}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",  # no usage data is sent
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Importing libraries in tasks keeps two cores busy; the defaults (5 s, 30 s) then fail waiting processes.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": "120",
        # If a task's supervisor was killed too, the task is tried again after this time (s); the default is 300.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
        **({"CUTOUTS_CONFIG": named} if (named := settings_file()) else {}),
        "PYTHONSAFEPATH": "1",  # no module is imported from the working folder
        # Airflow itself logs this warning in each task, because of how it reads plugins/.airflowignore.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS") or "ignore:GitWildMatchPattern:DeprecationWarning",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }


def service_environment(home: Path, *, host: str, port: int, dags: Path = PROJECT / "dags") -> dict[str, str]:
    """The environment of a running Airflow at that address; logs are served on the next port of the loopback interface.

    On the loopback interface, everybody is an administrator, and only Airflow's own pages may access it
    (`cutouts_airflow.hosts`); elsewhere Airflow asks for a password, which it prints. If `AIRFLOW__API__BASE_URL` is
    set and has a path, Airflow serves everything below this path, and tasks call it there too.
    """
    alone = host in LOOPBACK
    here = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    path = urlsplit(os.environ.get("AIRFLOW__API__BASE_URL", "")).path.rstrip("/")
    return home_environment(home, dags=dags) | {
        "AIRFLOW__API__HOST": host,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": here,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{here}{path}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(alone),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "cutouts_airflow.home.hostname",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port + 1),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port + 1),
        HOSTS: " ".join(f"{name}:{port}" for name in LOOPBACK) if alone else "",
    }


def hostname() -> str:
    """The host where tasks run and serve their logs: this machine."""
    return "127.0.0.1"


def over(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment with these settings, except those for which it already has an `AIRFLOW__` variable."""
    kept = {name: value for name, value in environment.items() if name.startswith("AIRFLOW__")}
    return {**environment, **settings, **kept}
