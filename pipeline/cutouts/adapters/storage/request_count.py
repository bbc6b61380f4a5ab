"""Counts the requests that a store sends, for the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cutouts.adapters.storage.store import Store


def counted_requests(store: Store) -> Callable[[], int] | None:
    """A function that returns how many requests this process has sent to S3 since this call; None for other stores."""
    client = getattr(store.fs, "s3", None)
    if client is None:
        return None
    sent = 0

    def count(**_: Any) -> None:
        nonlocal sent
        sent += 1

    client.meta.events.register("request-created.s3", count)
    return lambda: sent
