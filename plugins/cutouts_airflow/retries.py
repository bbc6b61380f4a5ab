"""Which errors a task tries again and when: transient ones for more than an hour, everything else not at all.

A task whose process was killed raised nothing, so it follows the same delays.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowTaskTimeout

from cutouts.core.errors import CutoutsError, TransientError

TRANSIENT: list[type[BaseException] | str] = [ConnectionError, TimeoutError, MemoryError, OSError, AirflowRuntimeError]
"""Trying again can help although no adapter said so: lost connections (Dask's `CommClosedError` is an OSError), a full
disk or memory, Airflow's API server away."""

POISON: list[type[BaseException] | str] = [CutoutsError, FileNotFoundError, PermissionError, AirflowTaskTimeout]
"""The same input fails the same way, whatever class it has: a wrong manifest, books that do not balance, a time-out."""

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)
RETRIES = 17
"""With delays of 5, 10, 20 … 160, 300, 300 … seconds at the least, the last try starts more than an hour after the
first one. Airflow adds up to as much again to each delay below the longest, so that tasks do not come back together."""


def by_error_class() -> ExceptionRetryPolicy:
    """Retry what is transient, fail at once on anything else. The delays are the task's own.

    The first rule that matches wins: TransientError (a CutoutsError) and FileNotFoundError (an OSError) stand before
    their bases. An error of no known class is a bug, which trying again does not cure.
    """
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=TransientError, action=RetryAction.RETRY, reason="transient: will be tried again"),
            RetryRule(exception=POISON, action=RetryAction.FAIL, reason="permanent: trying again cannot help"),
            RetryRule(exception=TRANSIENT, action=RetryAction.RETRY, reason="transient: will be tried again"),
            RetryRule(exception=Exception, action=RetryAction.FAIL, reason="permanent: no known transient error"),
        ]
    )


def retrying(*, hours: int) -> dict[str, Any]:
    """The `default_args` of a DAG whose tasks may take so many hours."""
    return {
        "retries": RETRIES,
        "retry_delay": FIRST_DELAY,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": LONGEST_DELAY,
        "retry_policy": by_error_class(),
        "execution_timeout": timedelta(hours=hours),
        "weight_rule": "absolute",
    }
