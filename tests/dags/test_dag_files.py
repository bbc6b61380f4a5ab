"""DAG files are cheap to parse and hold no logic."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutouts_airflow.home import PROJECT
from tests.airflow_home import dag_bag

FILES = sorted((PROJECT / "dags").glob("*.py"))
HEAVY = (
    "cv2",
    "dask",
    "distributed",
    "great_expectations",
    "numpy",
    "onnxruntime",
    "pandas",
    "cutouts.adapters",
    "cutouts.stages",
    "cutouts.steps",
    "pyarrow",
)
LOGIC = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.comprehension)


def test_parsing_the_dag_files_imports_nothing_heavy(airflow_home: Path) -> None:
    """Parsing twice a minute must be cheap and need neither the pipeline's libraries nor its stores."""
    program = f"""
import runpy, sys
before = set(sys.modules)
for file in {[str(file) for file in FILES]!r}:
    runpy.run_path(file)
print(*(name for name in {HEAVY!r} if name in sys.modules and name not in before))
"""
    path = f"{PROJECT}:{PROJECT / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "AIRFLOW_HOME": str(airflow_home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_task_bodies_are_short_and_have_no_logic(file: Path) -> None:
    """No task body is longer than three lines, and none has a condition or a loop."""
    dag = next(node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef))
    for body in (node for node in dag.body if isinstance(node, ast.FunctionDef)):
        lines = (body.end_lineno or 0) - body.body[0].lineno + 1
        assert lines <= 4 if "group" in ast.dump(body.decorator_list[0]) else lines <= 3, body.name
        assert not [node for node in ast.walk(body) if isinstance(node, LOGIC)], body.name


def test_every_dag_loads_and_has_documentation(airflow_home: Path) -> None:
    """Each file has the DAG of its name, with a text for people and the retry policy."""
    for file in FILES:
        dag = dag_bag()[file.stem]
        assert dag.doc_md
        assert all(task.retry_policy for task in dag.tasks)


@pytest.mark.parametrize(
    ("error", "state", "tries"),
    [
        ("cutouts.core.errors.TransientError", "success", 3),
        ("builtins.ConnectionError", "success", 3),
        ("builtins.TimeoutError", "success", 3),
        ("builtins.MemoryError", "success", 3),
        ("cutouts.core.errors.GateError", "failed", 1),
        ("cutouts.core.errors.StorageError", "failed", 1),
        ("builtins.FileNotFoundError", "failed", 1),
        ("builtins.RuntimeError", "failed", 1),
    ],
)
def test_transient_errors_are_retried_and_others_are_not(
    airflow_home: Path, error: str, state: str, tries: int
) -> None:
    """Airflow decides by the error's class; a transient error is gone at the third try."""
    run = dag_bag()["errors"].test(run_conf={"error": error})
    (task,) = run.get_task_instances()
    assert (str(run.state), task.try_number) == (state, tries)


@pytest.mark.parametrize(
    ("number", "state", "tries"),
    [
        (errno.ENOSPC, "failed", 1),
        (errno.EDQUOT, "failed", 1),
        (errno.EROFS, "failed", 1),
        (errno.EIO, "failed", 1),
        (errno.ECONNRESET, "success", 3),
        (errno.EBUSY, "success", 3),
        (errno.ENOMEM, "success", 3),
    ],
    ids=lambda value: errno.errorcode.get(value) if isinstance(value, int) else None,
)
def test_an_error_of_the_system_is_retried_only_if_it_can_pass(
    airflow_home: Path, number: int, state: str, tries: int
) -> None:
    """A disk is full until a person frees it, in the temporary folder as in the stores."""
    told = {"error": "builtins.OSError", "words": [number, os.strerror(number), "/tmp/part"]}
    run = dag_bag()["errors"].test(run_conf=told)
    (task,) = run.get_task_instances()
    assert (str(run.state), task.try_number) == (state, tries)
