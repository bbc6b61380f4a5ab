"""Runs a coroutine on fsspec's loop from any thread; it is cancelled at a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from fsspec.asyn import get_loop

T = TypeVar("T")

_GRACE_SECONDS = 5.0
"""How long a loop may take to cancel late work before the caller continues without it."""


class Deadline:
    """The moment by which something must be done, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The remaining seconds, never less than 0."""
        return max(0.0, self._end - time.monotonic())


def wait_for(work: Coroutine[Any, Any, T], deadline: Deadline) -> T:
    """The result of `work`. Raises TimeoutError at the deadline. If the caller stops waiting, the work is cancelled."""
    future = asyncio.run_coroutine_threadsafe(_limited(work, deadline), get_loop())
    try:
        return future.result(deadline.left + _GRACE_SECONDS)
    finally:
        future.cancel()


async def _limited(work: Coroutine[Any, Any, T], deadline: Deadline) -> T:
    try:
        async with asyncio.timeout(deadline.left) as limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"not finished after {deadline.seconds:g} s") from None
        raise
