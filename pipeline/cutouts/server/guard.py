"""Around every request: who may ask, what is counted, and headers of every answer."""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cutouts.server.access import Access
from cutouts.server.limits import HEAD_BYTES
from cutouts.server.metrics import Counts
from cutouts.server.problems import MEDIA_TYPE, Problem

ALWAYS: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-resource-policy": b"same-origin",
}
"""Headers of every answer."""


class Guard:
    """The ASGI application around the API. Requests are counted by the path of their route, others as `other`."""

    def __init__(self, app: ASGIApp, access: Access, counts: Counts) -> None:
        self._app, self._access, self._counts = app, access, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; HEAD like GET, of which uvicorn sends only the headers."""
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        exchange = _Exchange(scope, receive, send)
        began = time.perf_counter()
        try:
            await self._answer(scope, exchange)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            took = time.perf_counter() - began if scope["method"] == "POST" else None
            self._counts.answered(path, exchange.status, took)

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            _require_small_head(scope)
            _require_one_length(scope)
            self._access.require(scope["path"], Headers(scope=scope))
        except Problem as problem:
            self._counts.problems[problem.code] += 1
            await answer_of(problem)(scope, exchange.receive, exchange.send)
        else:
            await self._app(scope, exchange.receive, exchange.send)


def _require_small_head(scope: Scope) -> None:
    """Raise a Problem (431) if the request's line and headers are too large."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if size > HEAD_BYTES:
        raise Problem(431, "headers_too_large", f"the headers have {size} B, and {HEAD_BYTES} B are allowed")


def _require_one_length(scope: Scope) -> None:
    """Raise a Problem (400) if the headers say twice where the body ends: a proxy in front may believe the other one,
    and take the rest for a request of somebody else (RFC 9112, section 6.3)."""
    if {b"transfer-encoding", b"content-length"} <= {name for name, _ in scope["headers"]}:
        raise Problem(400, "malformed", "the request has both Content-Length and Transfer-Encoding")


def answer_of(problem: Problem) -> Response:
    """The answer that tells a problem."""
    return Response(problem.body, problem.status, problem.headers, MEDIA_TYPE)


class _Exchange:
    """One request and its answer. `status` is the answer's, 0 before it begins."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        self._unread = b"transfer-encoding" in names or Headers(scope=scope).get("content-length", "0") != "0"
        self._receive, self._send = receive, send
        self.status = 0

    async def receive(self) -> Message:
        """The next piece of the body."""
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        """Pass a piece of the answer on. If the body was not read, the connection closes after it."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message.get("headers", [])}
            more = [pair for pair in ALWAYS.items() if pair[0] not in given]
            if self._unread and b"connection" not in given:
                more.append((b"connection", b"close"))
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await self._send(message)
