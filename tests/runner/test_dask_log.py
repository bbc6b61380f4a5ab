"""Dask's own log does not reach the user."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from distributed.client import AllExit

from cutouts.runner.dask_log import quiet


def _left_behind(error: Exception) -> None:
    """A task whose error was never retrieved, which asyncio logs when it is collected."""

    async def fail() -> None:
        raise error

    async def leave() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        del task

    asyncio.run(leave())
    gc.collect()


def test_a_task_that_dask_abandoned_logs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """This holds after the cluster was closed too, and other errors are still logged."""
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        with quiet():
            _left_behind(AllExit())
        _left_behind(AllExit())
        assert caplog.records == []
        _left_behind(ValueError("ours"))
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError]
