"""`import cutouts` gives a few names and loads nothing before one of them is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cutouts


def test_importing_the_package_loads_no_library() -> None:
    """It does not load NumPy, OpenCV, ONNX Runtime, Pydantic, Dask or Arrow."""
    script = "import sys; before = set(sys.modules); import cutouts; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"cutouts"}


def test_a_submodule_can_still_be_imported_first() -> None:
    """The names of the package do not depend on earlier imports."""
    script = "import cutouts.core.errors, cutouts; print(cutouts.CutoutsError is cutouts.core.errors.CutoutsError)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("name", sorted(cutouts.__all__))
def test_every_name_exists_and_has_a_docstring(name: str) -> None:
    """Each name of the package can be used and is listed by `dir`."""
    assert name in dir(cutouts)
    value = getattr(cutouts, name)
    assert value.__doc__
    assert name == "__version__" or value.__module__.startswith("cutouts.")


def test_type_checkers_see_the_same_names() -> None:
    """A type checker reads the same names that exist at run time."""
    tree = ast.parse(Path(cutouts.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == cutouts._PLACES


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name raises Python's own error."""
    with pytest.raises(AttributeError, match="module 'cutouts' has no attribute 'cutt'"):
        cutouts.cutt  # type: ignore[attr-defined]  # noqa: B018
