"""A store on each kind of file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.adapters.storage.store import Store


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store."""
    return Store(str(tmp_path / "tables") if request.param == "local" else request.getfixturevalue("bucket") + "/a")
