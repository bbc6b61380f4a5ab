"""What the tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a separate site, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUTOUTS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"
