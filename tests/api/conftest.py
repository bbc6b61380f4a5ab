"""What the tests of the Python API share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutouts.stages.memory_budget import process_memory


@pytest.fixture(autouse=True)
def memory_as_before() -> Iterator[None]:
    """Restores the memory limit of this process after a test that lowers it."""
    yield
    process_memory.sized(0)
