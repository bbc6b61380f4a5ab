"""`python -m cutouts_airflow.standalone`: Airflow on this machine, until ctrl-C.

All files are in one home (SQLite, logs), which only this user can read. It prints the URL when all parts are healthy,
and stops all parts when it ends. `AIRFLOW__SECTION__KEY` variables that are set override the settings here.

The parts are started one by one, because the log servers that `airflow standalone` starts listen on every interface. A
log server of our own replaces them on the loopback interface.
"""

from __future__ import annotations

import contextlib
import http
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from cutouts_airflow import order
from cutouts_airflow.home import DATABASE, HOSTS, PROJECT, hostname, over, service_environment

PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
START_SECONDS = 300.0
STOP_SECONDS = 30.0

WELCOME = """
Airflow is up: {url}   (home {home}, stop with ctrl-C)

  a manifest that lands in the site's `manifests` folder is taken by itself; or trigger one delivery:
  curl -X POST {url}/api/v2/dags/catalog_refresh/dagRuns -H 'content-type: application/json' \\
       -d '{{"logical_date": null, "conf": {{"delivery": "YYYY-MM-DD/DELIVERY_ID"}}}}'
"""


class AirflowDidNotStart(RuntimeError):
    """Airflow exited, or was not healthy in time; the text names the missing parts and the log."""


@contextlib.contextmanager
def standalone(environment: Mapping[str, str], *, log: Path | None = None) -> Iterator[str]:
    """Run a healthy Airflow in that home during the block, and yield its URL. All of its processes have ended
    afterwards.

    Its output goes to the file `log`, or else to our own output. Raises AirflowDidNotStart.
    """
    _make_private(Path(environment["AIRFLOW_HOME"]))
    url = environment["AIRFLOW__API__BASE_URL"].rstrip("/")
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        how: dict[str, Any] = {"env": dict(environment), "stdout": output, "stderr": output}
        if subprocess.run(["airflow", "db", "migrate"], check=False, **how).returncode:
            raise AirflowDidNotStart(f"its database cannot be made; see {log or 'the output above'}")
        pool = (order.BACKFILL_POOL, str(order.BACKFILL_SLOTS), "what a backfill may take at a time")
        if subprocess.run(["airflow", "pools", "set", *pool], check=False, **how).returncode:
            raise AirflowDidNotStart(f"the pool {pool[0]} cannot be made; see {log or 'the output above'}")
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_stop, processes)
        processes += (subprocess.Popen(one, start_new_session=True, **how) for one in _commands(environment))
        api = api_address(environment)
        _wait_healthy(processes, api, log)
        if environment.get(HOSTS):
            _require_closed(api)
        yield url


def api_address(environment: Mapping[str, str]) -> str:
    """Where tasks on this machine reach the API server. The base URL may be that of a proxy, which need not run."""
    return environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].rstrip("/").removesuffix("/execution")


def _require_closed(url: str) -> None:
    """Raise AirflowDidNotStart if Airflow answers under another host name: without our plugin, nothing would check the
    name."""
    request = urllib.request.Request(f"{url}/api/v2/version", headers={"Host": "rebound.example"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    if status != http.HTTPStatus.FORBIDDEN:
        raise AirflowDidNotStart("it answers under any name, although it asks for no password: is our plugin loaded?")


def _commands(environment: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """The commands to start. The last one serves the logs of running tasks, only to the API server, because it requires
    a token."""
    yield "airflow", "api-server"
    yield "airflow", "scheduler", "--skip-serve-logs"
    yield "airflow", "dag-processor"
    yield "airflow", "triggerer", "--skip-serve-logs"
    logs = ("uvicorn", "--factory", "airflow.utils.serve_logs.log_server:get_app", "--log-level", "error")
    yield *logs, "--host", hostname(), "--port", environment["AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT"]


def _make_private(home: Path) -> None:
    """Create the home so that only this user can read it: it contains the database, Airflow's keys, passwords and
    logs."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    database = home / DATABASE
    database.touch(mode=0o600)
    database.chmod(0o600)


def unhealthy(url: str) -> tuple[str, ...]:
    """The parts of Airflow that do not answer or have no heartbeat."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return ("api_server",)
    return tuple(part for part in PARTS if (health.get(part) or {}).get("status") != "healthy")


def _wait_healthy(processes: Sequence[subprocess.Popen[bytes]], url: str, log: Path | None) -> None:
    end = time.monotonic() + START_SECONDS
    while missing := unhealthy(url):
        if any(map(_has_ended, processes)) or time.monotonic() > end:
            raise AirflowDidNotStart(f"not healthy: {', '.join(missing)}; see {log or 'the output above'}")
        time.sleep(1)


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End each part with its whole process group, so that a running task does not outlive Airflow.

    The parts are waited for last, because a process id names its group only until then.
    """
    _signal(processes, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end and not all(map(_has_ended, processes)):
        time.sleep(0.1)
    _signal(processes, signal.SIGKILL)
    for process in processes:
        process.wait()


def _signal(processes: Sequence[subprocess.Popen[bytes]], sign: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended, without waiting for it or collecting it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT / "var" / "airflow",
    help="Where everything is kept.",
)
@click.option(
    "--host",
    envvar="AIRFLOW__API__HOST",
    default="127.0.0.1",
    show_default=True,
    help="Interface; anything but loopback asks for a password.",
)
@click.option(
    "--port", envvar="AIRFLOW__API__PORT", type=int, default=8080, show_default=True, help="Of the API and the pages."
)
def main(home: Path, host: str, port: int) -> NoReturn:
    """Run Airflow on this machine until Ctrl-C; status 1 if it did not start or a part of it died."""
    home = home.resolve()
    environment = over(os.environ, service_environment(home, host=host, port=port))
    environment |= {"AIRFLOW__API__HOST": host, "AIRFLOW__API__PORT": str(port)}  # options take precedence
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(_run(home, environment))


def _run(home: Path, environment: Mapping[str, str]) -> int:
    """Run Airflow and watch it. Returns the exit status."""
    try:
        with standalone(environment) as url:
            sys.stdout.write(WELCOME.format(url=url, home=home))
            sys.stdout.flush()
            return _watch(api_address(environment))
    except KeyboardInterrupt:
        return 0
    except AirflowDidNotStart as error:
        sys.stderr.write(f"Airflow did not start: {error}\n")
        return 1


def _watch(url: str) -> int:
    """Wait until a part has been unhealthy for a minute. Returns the exit status 1."""
    misses = 0
    while misses < 6:
        time.sleep(10)
        misses = misses + 1 if (missing := unhealthy(url)) else 0
    sys.stderr.write(f"Airflow is no longer healthy: {', '.join(missing)}\n")
    return 1


if __name__ == "__main__":
    main()
