"""`python -m cutouts_airflow.standalone`: Airflow on this machine, until ctrl-C.

Everything lies in one home (SQLite, logs). It says where to look once all parts are healthy, and takes all of them down
with it. `AIRFLOW__SECTION__KEY` variables that are set win over what is set here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from cutouts_airflow.home import PROJECT, over, service_environment

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
    """Airflow exited, or was not healthy in time; the text names what was missing and the log."""


@contextlib.contextmanager
def standalone(environment: Mapping[str, str], *, log: Path | None = None) -> Iterator[str]:
    """A healthy `airflow standalone`: its URL. All of its processes are gone afterwards.

    Its output goes to the file `log`, else to ours. Raises AirflowDidNotStart.
    """
    Path(environment["AIRFLOW_HOME"]).mkdir(parents=True, exist_ok=True)
    url = environment["AIRFLOW__API__BASE_URL"].rstrip("/")
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(
            ["airflow", "standalone"], env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )
        stack.callback(_stop, process)
        _wait_healthy(process, url, log)
        yield url


def unhealthy(url: str) -> tuple[str, ...]:
    """The parts of Airflow that do not answer or have no heartbeat."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return ("api_server",)
    return tuple(part for part in PARTS if (health.get(part) or {}).get("status") != "healthy")


def _wait_healthy(process: subprocess.Popen[bytes], url: str, log: Path | None) -> None:
    end = time.monotonic() + START_SECONDS
    while missing := unhealthy(url):
        if process.poll() is not None or time.monotonic() > end:
            raise AirflowDidNotStart(f"not healthy: {', '.join(missing)}; see {log or 'the output above'}")
        time.sleep(1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group: a task that still runs must not outlive Airflow."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal comes; 1 where Airflow did not start or a part of it died."""
    parser = argparse.ArgumentParser(prog="cutouts_airflow.standalone", description=__doc__)
    parser.add_argument("--home", type=Path, default=PROJECT / "var" / "airflow", help="where everything lies")
    host, port = os.environ.get("AIRFLOW__API__HOST", "127.0.0.1"), os.environ.get("AIRFLOW__API__PORT", "8080")
    parser.add_argument("--host", default=host, help="interface; anything but loopback asks for a password")
    parser.add_argument("--port", type=int, default=port, help="of the API and the pages; the next two serve logs")
    asked = parser.parse_args(arguments)
    home = asked.home.resolve()
    environment = over(os.environ, service_environment(home, host=asked.host, port=asked.port))
    environment |= {"AIRFLOW__API__HOST": asked.host, "AIRFLOW__API__PORT": str(asked.port)}  # a flag wins
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with standalone(environment) as url:
            sys.stdout.write(WELCOME.format(url=url, home=home))
            sys.stdout.flush()
            return _watch(url)
    except KeyboardInterrupt:
        return 0
    except AirflowDidNotStart as error:
        sys.stderr.write(f"Airflow did not start: {error}\n")
        return 1


def _watch(url: str) -> int:
    """`airflow standalone` does not notice when one of its parts dies; this does."""
    misses = 0
    while misses < 6:
        time.sleep(10)
        misses = misses + 1 if (missing := unhealthy(url)) else 0
    sys.stderr.write(f"Airflow is no longer healthy: {', '.join(missing)}\n")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
