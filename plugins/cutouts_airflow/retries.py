"""Which errors a task tries again: transient ones, never poison."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from pipeline.core.errors import CutoutsError, TransientError

POISON: list[type[BaseException] | str] = [
    CutoutsError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    FileNotFoundError,
    PermissionError,
]
"""The same input fails the same way: a wrong manifest, books that do not balance, a broken suite, a bug."""

TRANSIENT: list[type[BaseException] | str] = [ConnectionError, TimeoutError, OSError]
"""Time-outs and lost connections that no adapter translated; Dask's `CommClosedError` is an OSError."""


def by_error_class(delay: timedelta = timedelta(seconds=30)) -> ExceptionRetryPolicy:
    """Retry what is transient after `delay`, fail at once on poison; anything else follows the task's `retries`.

    The first rule that matches wins, hence TransientError (a CutoutsError) stands before its base.
    """
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=TransientError, action=RetryAction.RETRY, retry_delay=delay, reason="transient"),
            RetryRule(exception=POISON, action=RetryAction.FAIL, reason="poison: trying again cannot help"),
            RetryRule(exception=TRANSIENT, action=RetryAction.RETRY, retry_delay=delay, reason="transient"),
        ]
    )
