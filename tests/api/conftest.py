"""What the tests of the Python face share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutouts.stages.memory_budget import process_memory


@pytest.fixture(autouse=True)
def memory_as_before() -> Iterator[None]:
    """A test that lowers what images may use of this process leaves it to the next one as it was."""
    yield
    process_memory.sized(0)
