"""Runs the real `catalog_refresh` without any service: in a temporary Airflow home, in a separate process.

`python -m cutouts_airflow.refresh DELIVERY...` works on the site that `cutouts.toml` and `CUTOUTS_*` describe.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts_airflow.home import PROJECT, home_environment

DAG_FILE = PROJECT / "dags" / "catalog_refresh.py"


class RefreshFailed(CutoutsError):
    """A run of the DAG did not succeed; the text is Airflow's log."""


def run_refresh(site: Site, deliveries: Sequence[str]) -> dict[str, str]:
    """Run `catalog_refresh` for each delivery (`YYYY-MM-DD/delivery_id`) that was taken into the site.

    Returns the id of each delivery's gate decision.

    Of the site's settings, only `root` and `allowed_sources` are used; others come from `cutouts.toml` and `CUTOUTS_*`.
    Prints nothing. Raises RefreshFailed if a run fails.
    """
    with tempfile.TemporaryDirectory(prefix="cutouts-airflow-") as home:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        environment = ours | home_environment(Path(home)) | _settings(site) | _QUIET
        environment["PYTHONPATH"] = os.pathsep.join([str(PROJECT / "plugins"), environment["PYTHONPATH"]])
        done = subprocess.run(
            [sys.executable, "-m", "cutouts_airflow.refresh", *deliveries],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise RefreshFailed((done.stdout + done.stderr)[-20_000:])
    gates: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return gates


def _settings(site: Site) -> dict[str, str]:
    return {"CUTOUTS_ROOT": site.root, "CUTOUTS_ALLOWED_SOURCES": json.dumps(site.allowed_sources)}


_QUIET = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", "PYTHONWARNINGS": "ignore"}


def main(deliveries: Sequence[str]) -> int:
    """Run the DAG for each delivery in this process's Airflow home. Returns 1 if a run failed, else 0.

    The last line that it prints is a JSON object with the id of each delivery's gate decision.
    """
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    dag = DagBag(dag_folder=str(DAG_FILE)).dags["catalog_refresh"]
    runs = {delivery: dag.test(run_conf={"delivery": delivery}) for delivery in deliveries}
    failed = [delivery for delivery, run in runs.items() if run.state != "success"]
    sys.stderr.writelines(f"the run of {delivery} failed\n" for delivery in failed)
    gates = {delivery: _gate_of(run) for delivery, run in runs.items() if delivery not in failed}
    sys.stdout.write(f"\n{json.dumps(gates)}\n")
    return int(bool(failed))


def _gate_of(run: Any) -> str:
    (judged,) = (one for one in run.get_task_instances() if one.task_id == "gate")
    return str(judged.xcom_pull(task_ids="gate"))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
