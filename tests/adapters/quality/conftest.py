"""The gate's own suite, unchanged and changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cutouts.adapters import quality
from tests.adapters.quality.made import Load, Raw


@pytest.fixture(scope="module")
def suite() -> quality.Suite:
    """The gate's own suite."""
    return quality.load_suite(quality.bundled("mask_quality"))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the gate's suite after a change of its JSON."""

    def load_changed(change: Callable[[Raw], object]) -> quality.Suite:
        raw = json.loads(quality.bundled("mask_quality").read_text(encoding="utf-8"))
        change(raw)
        file = tmp_path / "changed.json"
        file.write_text(json.dumps(raw), encoding="utf-8")
        return quality.load_suite(file)

    return load_changed
