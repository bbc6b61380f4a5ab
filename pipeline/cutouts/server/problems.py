"""What a client is told if it gets no picture: a status, a code and words, as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from cutouts.core.errors import CutoutsError, ImageRejected, TransientError
from cutouts.core.text.display import shown
from cutouts.server.orders import Refusal

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_LATER = frozenset({408, 429, 503, 504})
"""Statuses after which the same request may succeed later."""


class Problem(Exception):
    """A request that is not answered with what it asked for."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str | None = None,
        retryable: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, shown(detail)
        self.title = title or HTTPStatus(status).phrase
        self.retryable = status in _LATER if retryable is None else retryable
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """The JSON of the answer."""
        told = {
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
        }
        return json.dumps(told).encode()


def of_refusal(refusal: Refusal) -> Problem:
    """The problem of an image that cannot be cut: 422, with the code and the words of its rejection."""
    reason = refusal.reason
    return Problem(422, str(reason), refusal.detail, title=reason.words, retryable=refusal.retryable)


def of_error(error: CutoutsError) -> Problem:
    """The problem that an error of ours means: about the image, or about this server.

    What is wrong with the server is told to its log, not to clients, because it may name files of this machine.
    """
    if isinstance(error, ImageRejected):
        return of_refusal(Refusal.of(error))
    if isinstance(error, TransientError):
        return Problem(503, "try_again", str(error), headers={"Retry-After": "5"})
    _log.error("the server cannot cut: %s", error)
    return Problem(500, "server_error", "the server cannot cut images at the moment; its log says why")


def busy(detail: str, seconds: float) -> Problem:
    """The problem of a server that has no room now, and when to try again."""
    wait = max(1, min(60, round(seconds + 0.5)))
    return Problem(429, "busy", detail, headers={"Retry-After": str(wait)})
