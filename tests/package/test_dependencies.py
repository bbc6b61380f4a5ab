"""pyproject.toml compared with the code: imported libraries are declared, and declared ones are used."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.package.imports import ROOT, distributions

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_NOT_IMPORTED_BY_US = {
    "psycopg": "SQLAlchemy's driver for postgresql+psycopg://",
    "s3fs": "fsspec's file system for s3://",
    "onnxruntime-gpu": "imported as onnxruntime",
    "dask-cuda": "the command `dask cuda worker`, and the binding of NVIDIA's driver",
}
"""Distributions that the code uses through another library, and how."""
_TOOLS = frozenset(
    {
        *("build", "setuptools", "twine"),
        *("import-linter", "mypy", "pandas-stubs", "ruff", "types-pyyaml"),
        *("imagecodecs", "pytest-xdist"),
    }
)
"""Tools that developers call and no test imports; tifffile loads `imagecodecs`."""


def _names(requirements: list[str]) -> frozenset[str]:
    names = (_NAME.match(requirement) for requirement in requirements)
    return frozenset(name[0].lower() for name in names if name)


BASE = _names(PROJECT["project"]["dependencies"])
RUNTIME = frozenset({"onnxruntime"})
"""ONNX Runtime comes with one of two extras, so that the base does not have to choose."""
PACKAGE = ROOT / "pipeline" / "cutouts"
SERVER = "pipeline/cutouts/server"
TRAINING = ["pipeline/cutouts/training", "pipeline/cutouts/cli/networks/train.py"]
ROOMS = [
    name
    for path in sorted([*PACKAGE.iterdir(), *(PACKAGE / "cli").rglob("*.py")])
    if (name := path.relative_to(ROOT).as_posix()) not in (*TRAINING, SERVER, "pipeline/cutouts/cli")
    and (path.suffix == ".py" or any(path.glob("**/*.py")))
]
"""The modules and folders of the package, and the commands one by one, except the training and the server."""


@pytest.mark.parametrize("room", ROOMS)
def test_the_package_imports_only_what_the_base_installs(room: str) -> None:
    """Without Airflow and PyTorch everything except the training and the server works."""
    allowed = BASE | RUNTIME | _names(EXTRAS["gpu"])
    assert distributions(room) - allowed == frozenset()


def test_no_package_imports_the_gpu_extra() -> None:
    """Dask's CUDA workers are started by a command of their own, on other machines."""
    assert [room for room in ROOMS if "dask-cuda" in distributions(room)] == []


def test_the_training_imports_only_the_base_and_its_extra() -> None:
    """It needs the base, ONNX Runtime and the extra `train`."""
    assert distributions(*TRAINING) <= BASE | RUNTIME | _names(EXTRAS["train"])


def test_the_server_imports_only_the_base_and_its_extra() -> None:
    """It needs the base, ONNX Runtime and the extra `serve`."""
    assert distributions(SERVER) <= BASE | RUNTIME | _names(EXTRAS["serve"])


def test_airflow_comes_only_with_its_extra() -> None:
    """DAGs and plugins need the base and the extra `airflow`, which the base does not include."""
    assert distributions("dags", "plugins") <= BASE | _names(EXTRAS["airflow"])
    assert "apache-airflow" not in BASE


def test_examples_need_only_the_base() -> None:
    """A copied example needs no extra except ONNX Runtime; those that render and train have environments of their
    own."""
    rendering, training = "examples/render_models", "examples/edge_network"
    files = [str(file.relative_to(ROOT)) for file in (ROOT / "examples").rglob("*.py")]
    assert distributions(*(file for file in files if not file.startswith((rendering, training)))) <= BASE
    assert distributions(training) - BASE == {"torch"}
    locked = (ROOT / "requirements-render.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in locked.splitlines() if "==" in line}
    assert distributions(rendering) - {"mathutils"} <= pinned  # mathutils is part of bpy


def test_tests_import_only_declared_libraries() -> None:
    """No test passes only because another library installed its import."""
    declared = BASE | RUNTIME | _names(EXTRAS["airflow"]) | _names(PROJECT["dependency-groups"]["dev"])
    assert distributions("tests") <= declared


def test_every_declared_library_is_used() -> None:
    """Each requirement of the base and of an extra is imported, or another library loads it."""
    declared = BASE.union(*(_names(extra) for extra in EXTRAS.values()))
    assert declared - distributions("pipeline/cutouts", "dags", "plugins") == frozenset(_NOT_IMPORTED_BY_US)


def test_every_development_requirement_is_used() -> None:
    """Each requirement of the group `dev` is imported by a test or is a tool."""
    assert _names(PROJECT["dependency-groups"]["dev"]) - _TOOLS <= distributions("tests")


def test_every_pattern_of_package_data_matches() -> None:
    """No pattern is left over from files that moved."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["cutouts"]
    assert [pattern for pattern in patterns if not any(PACKAGE.glob(pattern))] == []


@pytest.mark.parametrize("name", ["cpu", "gpu", "dev", "docs"])
def test_requirements_are_pinned_by_hash_and_name_no_registry(name: str) -> None:
    """Every line of a requirements file is a pin, a hash or a comment, and the reader chooses the index."""
    lines = (ROOT / f"requirements-{name}.txt").read_text(encoding="utf-8").splitlines()
    odd = re.compile(r"(?!\S+==\S+( ; .+)? \\$|    --hash=sha256:[0-9a-f]{64}( \\)?$|    #)")
    assert [line for line in lines if odd.match(line)] == []
    assert not any("://" in line for line in lines)


@pytest.mark.parametrize(("name", "extras"), [(name, ("airflow", name, "serve")) for name in ("cpu", "gpu")])
def test_requirements_include_what_the_demo_needs(name: str, extras: tuple[str, ...]) -> None:
    """The file that `make setup` installs has the base, Airflow, the server and one ONNX Runtime."""
    text = (ROOT / f"requirements-{name}.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0].partition("[")[0] for line in text.splitlines() if "==" in line}
    wanted = BASE.union(*(_names(EXTRAS[extra]) for extra in extras))
    assert wanted - pinned == frozenset()
