"""Decides which errors make a task try again, and when: transient errors for more than an hour, all others not at all.

A task whose process was killed has raised no error, so it is tried again with the same delays.
"""

from __future__ import annotations

import errno
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowTaskTimeout

from cutouts.core.advice import PASSING
from cutouts.core.errors import CutoutsError, TransientError

TRANSIENT: list[type[BaseException] | str] = [ConnectionError, TimeoutError, MemoryError, OSError, AirflowRuntimeError]
"""Errors for which another try may help although no adapter raised TransientError: lost connections (Dask's
`CommClosedError` is an OSError without an errno), a full memory, and an unreachable API server of Airflow."""

POISON: list[type[BaseException] | str] = [CutoutsError, FileNotFoundError, PermissionError, AirflowTaskTimeout]
"""Errors that the same input causes again: a wrong manifest, counts that do not add up, a time-out."""

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)
RETRIES = 17
"""With delays of at least 5, 10, 20 … 160, 300, 300 … seconds, the last try starts more than an hour after the first
one. Airflow makes each delay below the longest up to twice as long, so that tasks do not all retry at once."""


class _ByErrorClass(ExceptionRetryPolicy):
    """The rules, but an error of the system that does not pass by itself, such as a full disk, fails at once.

    Python has no class of its own for most of these errors, only their errno.
    """

    def evaluate(self, exception: BaseException, *args: Any, **kwargs: Any) -> RetryDecision:
        if isinstance(exception, OSError) and _stays(exception):
            return RetryDecision.fail("permanent: trying again cannot help")
        return super().evaluate(exception, *args, **kwargs)


def _stays(error: OSError) -> bool:
    return error.errno not in {None, errno.ENOMEM, *PASSING} and not isinstance(error, (ConnectionError, TimeoutError))


def by_error_class() -> ExceptionRetryPolicy:
    """Retry transient errors, and fail at once on all others. The delays are the task's own.

    The first matching rule wins: TransientError (a CutoutsError) and FileNotFoundError (an OSError) come before their
    base classes. An error of an unknown class is a bug, for which another try does not help.
    """
    return _ByErrorClass(
        rules=[
            RetryRule(exception=TransientError, action=RetryAction.RETRY, reason="transient: will be tried again"),
            RetryRule(exception=POISON, action=RetryAction.FAIL, reason="permanent: trying again cannot help"),
            RetryRule(exception=TRANSIENT, action=RetryAction.RETRY, reason="transient: will be tried again"),
            RetryRule(exception=Exception, action=RetryAction.FAIL, reason="permanent: no known transient error"),
        ]
    )


def retrying(*, hours: int) -> dict[str, Any]:
    """The `default_args` of a DAG whose tasks may take this many hours."""
    return {
        "retries": RETRIES,
        "retry_delay": FIRST_DELAY,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": LONGEST_DELAY,
        "retry_policy": by_error_class(),
        "execution_timeout": timedelta(hours=hours),
        "weight_rule": "absolute",
    }
