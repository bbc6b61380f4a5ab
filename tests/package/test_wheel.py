"""The wheel as a new user gets it: built, checked, installed beside other packages, and used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.package.imports import ROOT
from tests.photographs import product

_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "pipeline", "schemas")
"""The files that a source distribution is made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The two distributions that were built."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A source distribution, and the wheel built from it."""
    place = tmp_path_factory.mktemp("built")
    source = place / "source"
    source.mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in _SOURCES:
        here, there = ROOT / name, source / name
        shutil.copytree(here, there, symlinks=True, ignore=unwanted) if here.is_dir() else shutil.copy(here, there)
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place / "dist"), str(source)], place)
    (sdist,) = (place / "dist").glob("*.tar.gz")
    (wheel,) = (place / "dist").glob("*.whl")
    return Built(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="module")
def stranger(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with a foreign `pipeline` and `schemas`.

    The libraries that cutouts needs come from this environment, so that nothing is downloaded.
    """
    place = tmp_path_factory.mktemp("stranger")
    venv.create(place, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install", "--quiet"]
    _run([*pip, "--no-deps", "--no-index", str(built.wheel)], place)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    for name in ("pipeline", "schemas"):
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text("raise AssertionError('this is not part of cutouts')\n")
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "libraries.pth").write_text("\n".join(sorted(libraries)) + "\n")
    return place


def test_both_distributions_pass_the_registry_check(built: Built) -> None:
    """Their metadata are complete, and the README can be rendered."""
    told = _run([sys.executable, "-m", "twine", "check", "--strict", str(built.sdist), str(built.wheel)], ROOT)
    assert told.count("PASSED") == 2


def test_the_wheel_holds_only_the_package(built: Built) -> None:
    """It has every file of the package, including schemas, networks and templates, and nothing else."""
    names = [name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name]
    package = ROOT / "pipeline" / "cutouts"
    assert set(names) == {f"cutouts/{name}" for name in _files(package)}
    for name in ("py.typed", "models/default.onnx", "models/table.toml", "schemas/expectations/mask_quality.json"):
        assert f"cutouts/{name}" in names
    assert any(name.startswith("cutouts/report/templates/") for name in names)


def test_the_source_distribution_holds_everything_to_build_the_wheel(built: Built) -> None:
    """A build from source gives the same files."""
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"pipeline/cutouts/{name}" for name in _files(ROOT / "pipeline" / "cutouts")} <= names
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names


def test_python_cuts_an_image_beside_another_package_named_pipeline(stranger: Path, tmp_path: Path) -> None:
    """Two lines of Python work with a foreign `pipeline` and `schemas` on the path and in the folder."""
    _project(tmp_path)
    _run([_python(stranger), "-c", "import cutouts; cutouts.cut('shoe.jpg').save('shoe.png')"], tmp_path)
    assert (tmp_path / "shoe.png").read_bytes().startswith(b"\x89PNG")
    where = _run([_python(stranger), "-c", "import cutouts; print(cutouts.__file__, cutouts.__version__)"], tmp_path)
    assert where.startswith(str(stranger))


def test_the_command_cuts_the_same_image(stranger: Path, tmp_path: Path) -> None:
    """The installed command, also as `python -m cutouts`, needs no file of the project and writes the same PNG."""
    _project(tmp_path)
    _run([str(stranger / "bin" / "cutouts"), "cut", "shoe.jpg", "-o", "command.png"], tmp_path)
    _run([_python(stranger), "-m", "cutouts", "cut", "shoe.jpg", "-o", "module.png"], tmp_path)
    _run([_python(stranger), "-c", "import cutouts; cutouts.cut('shoe.jpg').save('python.png')"], tmp_path)
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("command", "module", "python")]
    assert pictures == [pictures[0]] * 3


def test_every_module_of_the_wheel_can_be_imported(stranger: Path, tmp_path: Path) -> None:
    """No module imports from outside the package, except the training, which needs PyTorch."""
    script = """
import importlib, pkgutil, cutouts
for module in pkgutil.walk_packages(cutouts.__path__, "cutouts."):
    if not module.name.startswith(("cutouts.training", "cutouts.adapters.catalog.migrations")):
        importlib.import_module(module.name)
"""
    _project(tmp_path)
    _run([_python(stranger), "-c", script], tmp_path)


def _project(folder: Path) -> None:
    """A folder with a photograph, and with packages that have our old names."""
    product(folder / "shoe.jpg")
    for name in ("pipeline", "schemas"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise AssertionError('this is not part of cutouts')\n")


def _files(folder: Path) -> set[str]:
    """The files below a folder, also in linked folders, without Python's caches."""
    return {
        (Path(parent) / name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder, followlinks=True)
        for name in names
        if "__pycache__" not in parent
    }


def _python(environment: Path) -> str:
    return str(environment / "bin" / "python")


def _run(command: list[str], folder: Path) -> str:
    """The output of a command in a folder, without our environment's variables; its error is shown if it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
