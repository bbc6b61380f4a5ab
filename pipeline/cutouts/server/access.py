"""Who may ask: with a token, whoever knows it; without one, only programs and pages of this machine."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cutouts.server.problems import Problem

OPEN = frozenset({"/", "/openapi.json", "/healthz", "/readyz"})
"""Paths without secrets and without work, which need no token."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ELSEWHERE = ("cross-site", "same-site")
"""How a browser marks a request of another page (Fetch Metadata, section 2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The token, or None if the server listens on the loopback interface only and asks for none."""

    token: str | None

    def require(self, path: str, headers: Mapping[str, str]) -> None:
        """Raise a Problem if this request may not be answered: 401, or 403 without a token."""
        if self.token is None:
            _require_own_page(headers)
        elif path not in OPEN:
            self._require_token(headers.get("authorization", ""))

    def _require_token(self, given: str) -> None:
        """Compare in constant time, so that answers do not reveal how much of a token is right."""
        scheme, _, word = given.partition(" ")
        right = hmac.compare_digest(word.strip().encode(), str(self.token).encode())
        if not (right and scheme.lower() == "bearer"):
            told = "the token is wrong" if given else "this server asks for a token: Authorization: Bearer TOKEN"
            raise Problem(401, "token", told, headers={"WWW-Authenticate": "Bearer"})


def _require_own_page(headers: Mapping[str, str]) -> None:
    """Refuse pages of other sites, also under a name that its owner resolves to this machine (DNS rebinding)."""
    if _name(headers.get("host", "")) not in _LOOPBACK:
        told = "this server asks for no token, so it answers only as localhost; set serve_token for other names"
        raise Problem(403, "host", told)
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        raise Problem(403, "origin", "this server asks for no token, so no page of another site may speak to it")
    if headers.get("sec-fetch-site") in _ELSEWHERE and headers.get("sec-fetch-mode") != "navigate":
        raise Problem(403, "origin", "this server asks for no token, so another page may only link to it")


def _name(host: str) -> str:
    """A host without its port."""
    return (host if host.endswith("]") else host.rpartition(":")[0] or host).lower()
