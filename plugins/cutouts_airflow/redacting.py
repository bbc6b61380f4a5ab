"""Removes secrets from the errors of tasks before Airflow logs them, and keeps their causes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from cutouts.core.error_chain import without_secrets

P = ParamSpec("P")
R = TypeVar("R")


def logged_without_secrets(body: Callable[P, R]) -> Callable[P, R]:
    """Wrap the body of a task or callback so that its errors have no secrets: Airflow logs them with traceback and all
    causes."""

    @wraps(body)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 -- the only border to Airflow; every error is raised again
            told = without_secrets(error)
        raise told

    return guarded
