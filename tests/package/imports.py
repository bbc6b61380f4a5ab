"""Which libraries the code imports, and the names of the distributions that hold them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_OWN = frozenset({path.stem for place in (ROOT, ROOT / "pipeline", ROOT / "plugins") for path in place.iterdir()})
"""The import names of the project itself."""
_DISTRIBUTIONS = {
    "airflow": "apache-airflow",
    "cv2": "opencv-python-headless",
    "google": "protobuf",
    "PIL": "pillow",
    "py_sod_metrics": "pysodmetrics",
    "yaml": "pyyaml",
}
"""The distribution of each library with a different import name."""


def distributions(*places: str) -> frozenset[str]:
    """The distributions that are imported below `places` (paths from the top of the project)."""
    modules = (module for place in places for path in _modules(ROOT / place) for module in _imported(path))
    return frozenset(
        _DISTRIBUTIONS.get(module, module.replace("_", "-"))
        for module in modules
        if module not in sys.stdlib_module_names and module not in _OWN
    )


def _modules(place: Path) -> list[Path]:
    found = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert found, f"there is no Python below {place}"
    return found


def _imported(path: Path) -> Iterator[str]:
    """The top-level name of each module that a file imports, at its top or in a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]
