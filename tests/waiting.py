"""Waiting for other processes and threads, on machines that may be slow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds that anything may take before a test fails: only a hang takes longer. On two cores with a load of 25, two
workers did not start within 120 s."""


def until(condition: Callable[[], T | None], *, process: subprocess.Popen[Any] | None = None) -> T:
    """The first true answer of `condition`; fails after `PATIENCE`, or if `process` ends before.

    At most a tenth of the time is spent on asking, so that a query does not slow down what it waits for.
    """
    end = time.monotonic() + PATIENCE
    while True:
        asked = time.monotonic()
        if answer := condition():
            return answer
        assert process is None or process.poll() is None, "the process has ended"
        assert asked < end, f"it did not become true in {PATIENCE:.0f} s"
        time.sleep(0.01 + 9 * (time.monotonic() - asked))
