"""What the tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _quick_gate(quick_suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands judge by the quick suite, unless a test says otherwise."""
    monkeypatch.setenv("CUTOUTS_MASK_QUALITY", quick_suite)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a separate site, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUTOUTS_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"
