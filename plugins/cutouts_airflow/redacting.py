"""What a task raises, as Airflow may log it: with all that led to it, without secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from cutouts.core.error_chain import without_secrets

P = ParamSpec("P")
R = TypeVar("R")


def logged_without_secrets(body: Callable[P, R]) -> Callable[P, R]:
    """The body of a task or of a callback; Airflow logs what it raises with its traceback and every error behind it."""

    @wraps(body)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- the one border to Airflow; nothing is kept back
            told = without_secrets(error)
        raise told

    return guarded
