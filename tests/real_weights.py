"""Public weights and images beside the repository; a test that needs them skips if they are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def u2netp_file() -> Path:
    """The U²-Net-p file that rembg downloads, byte for byte."""
    path = DATA / "weights/u2netp.onnx"
    if not path.is_file():
        pytest.skip("../shared/data/weights/u2netp.onnx is not there")
    return path
