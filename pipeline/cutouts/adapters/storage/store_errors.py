"""Which errors a store may raise, and whether trying again can help."""

from __future__ import annotations

import sys

from cutouts.core.advice import PASSING


def store_errors() -> tuple[type[Exception], ...]:
    """The errors that a file system may raise: OSError, and the base errors of the loaded network clients."""
    errors: list[type[Exception]] = [OSError]
    if "aiohttp" in sys.modules:
        errors.append(sys.modules["aiohttp"].ClientError)
    if "botocore.exceptions" in sys.modules:
        errors += [sys.modules["botocore.exceptions"].BotoCoreError, sys.modules["botocore.exceptions"].ClientError]
    return tuple(errors)


_OUTAGES = frozenset({429, 500, 502, 503, 504})


def helped_by_retry(error: BaseException | None) -> bool:
    """Whether a store's error, or one of its causes, is an outage: a time-out, a lost connection, 429 or 5xx."""
    if error is None:
        return False
    if isinstance(error, (TimeoutError, ConnectionError, *_lost_connections())):
        return True
    if getattr(error, "errno", None) in PASSING or _status(error) in _OUTAGES:
        return True
    return helped_by_retry(error.__cause__)


def is_missing_bucket(error: BaseException) -> bool:
    """Whether a store says that it has no such bucket, not only no such file."""
    response = getattr(error.__cause__, "response", None)
    return isinstance(response, dict) and response.get("Error", {}).get("Code") == "NoSuchBucket"


def _status(error: BaseException) -> int:
    """The HTTP status of a botocore error; 0 if it has none."""
    response = getattr(error, "response", None)
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) if isinstance(response, dict) else 0


def _lost_connections() -> tuple[type[Exception], ...]:
    """The errors of the loaded network clients if a server cannot be reached or its response is incomplete."""
    lost: list[type[Exception]] = []
    if "aiohttp" in sys.modules:
        lost += [sys.modules["aiohttp"].ClientConnectionError, sys.modules["aiohttp"].ClientPayloadError]
    if "botocore.exceptions" in sys.modules:
        client = sys.modules["botocore.exceptions"]
        lost += [client.ConnectionError, client.HTTPClientError, client.IncompleteReadError]
    return tuple(lost)
