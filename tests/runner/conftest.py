"""Runners that the tests of several files use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutouts.core.config import Site
from cutouts.runner import Runner, open_runner


@pytest.fixture(scope="module")
def local_runner() -> Iterator[Runner]:
    """Two worker processes of this machine with one thread each."""
    with open_runner(Site(cluster="local", workers=2, threads=1)) as runner:
        yield runner


@pytest.fixture(scope="module", params=["serial", "local", "standing"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Each kind of runner in turn."""
    if request.param == "local":
        yield request.getfixturevalue("local_runner")
        return
    cluster = "serial" if request.param == "serial" else request.getfixturevalue("standing_scheduler")
    with open_runner(Site(cluster=cluster)) as opened:
        yield opened
