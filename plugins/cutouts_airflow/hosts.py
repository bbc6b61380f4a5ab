"""Allows only Airflow's own pages to access an Airflow without a password.

On the loopback interface everybody is an administrator. This would include every page that is open in a browser on this
machine: under a name that its owner resolves to 127.0.0.1 (DNS rebinding), or by cross-site requests.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from cutouts_airflow.home import HOSTS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ELSEWHERE = ("cross-site", "same-site")
"""How a browser marks a request from another page (Fetch Metadata, section 2.3)."""


class OwnPagesOnly:
    """ASGI middleware that answers 403 to requests under host names not in `hosts`, and to requests from other
    pages."""

    def __init__(self, app: App, hosts: Iterable[str]) -> None:
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on allowed requests, and refuse all others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif problem := self._problem(scope):
            await _refuse(scope, send, problem)
        else:
            await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        names = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(names) != 1 or names[0].lower() not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            return f"this Airflow asks for no password, so it answers only as {known} (set {HOSTS} for other names)"
        sent = {name.decode("latin-1"): value.decode("latin-1").lower() for name, value in scope["headers"]}
        if "origin" in sent and sent["origin"].partition("://")[2] not in self._hosts:
            return "this Airflow asks for no password, so no page of another site may speak to it"
        if sent.get("sec-fetch-site") in _ELSEWHERE and not _is_link(scope, sent):
            return "this Airflow asks for no password, so another page may only link to it"
        return None


def middlewares(environment: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """The middlewares that the plugin registers: the check if the environment names hosts, none if Airflow asks for a
    password."""
    hosts = environment.get(HOSTS, "").split()
    return [{"name": "own pages only", "middleware": OwnPagesOnly, "kwargs": {"hosts": hosts}}] if hosts else []


def _is_link(scope: Scope, sent: Mapping[str, str]) -> bool:
    """Whether a person followed a link: a GET request that navigates the whole window."""
    mode = sent.get("sec-fetch-mode"), sent.get("sec-fetch-dest")
    return scope.get("method") == "GET" and mode == ("navigate", "document")


async def _refuse(scope: Scope, send: Send, problem: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": problem.encode()})
