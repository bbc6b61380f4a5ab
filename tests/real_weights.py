"""Public weights that are at hand beside the repository; a test that needs them skips where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "weights"


@pytest.fixture(scope="session")
def u2netp_file() -> Path:
    """The U²-Net-p file that rembg downloads, byte for byte."""
    path = _FOLDER / "u2netp.onnx"
    if not path.is_file():
        pytest.skip("../shared/data/weights/u2netp.onnx is not there")
    return path
