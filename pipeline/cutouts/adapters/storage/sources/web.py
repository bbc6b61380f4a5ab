"""Reads a photograph over HTTPS (or HTTP if the site allows it), only from allowed addresses.

Each address must be allowed, also after a redirect. Unless its prefix names the host, connections are made only to
addresses on the public internet. The connection uses the address that was resolved and checked, and TLS still verifies
the host's name. Proxies in the environment are not used, because a proxy would resolve the name itself.
"""

from __future__ import annotations

import atexit
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote, urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from cutouts.adapters.storage.sources.async_calls import Deadline, wait_for
from cutouts.adapters.storage.sources.rejections import missing, not_allowed, too_large, unreadable
from cutouts.core.sources.locations import WEB_SCHEMES, FetchedFile, Location, Reading
from cutouts.core.sources.public_addresses import is_public

CONNECT_SECONDS = 10.0
"""The longest time to connect (s), including TLS."""
IDLE_SECONDS = 30.0
"""The longest time in which a server may send nothing (s)."""
REDIRECTS = 5
"""The most redirects that are followed."""

Resolve = Callable[[], AbstractResolver]

_PIECE = 1 << 18
_HEADERS = {"Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "cutouts"}
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, *range(500, 600)})


def read_web(
    place: Location, reading: Reading, deadline: Deadline, resolve: Resolve = aiohttp.ThreadedResolver
) -> FetchedFile:
    """The bytes at a web address, and the ETag that the server sends, after following at most `REDIRECTS` redirects.

    Raises ImageRejected if they cannot be read; OSError or aiohttp's ClientError if trying again can help.
    """
    return wait_for(_fetch(place, reading, resolve), deadline)


class _NotPublicError(OSError):
    """The host has no public address."""


class _PublicResolver(AbstractResolver):
    """A resolver that returns only the public addresses found by another resolver."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if found and not public:
            raise _NotPublicError(", ".join(one["host"] for one in found))
        return public

    async def close(self) -> None:
        await self._inner.close()


def _public_socket(info: tuple[int, int, int, str, tuple[str | int, ...]]) -> socket.socket:
    """A socket for this address. It is checked again, because an IP address in a URL is not resolved."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise _NotPublicError(str(address[0]))
    return socket.socket(family, kind, protocol)


_open: dict[tuple[int, bool, Resolve], aiohttp.ClientSession] = {}
"""Sessions by process (a forked child opens its own), by whether only public addresses are allowed, and by resolver.
Only fsspec's loop uses them."""


def _session(resolve: Resolve, *, public_only: bool) -> aiohttp.ClientSession:
    key = (os.getpid(), public_only, resolve)
    if key not in _open:
        resolver = _PublicResolver(resolve()) if public_only else resolve()
        guard = _public_socket if public_only else None
        _open[key] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, socket_factory=guard),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS),
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
    return _open[key]


@atexit.register
def _close() -> None:
    for (process, _, _), session in _open.items():
        if process == os.getpid():
            wait_for(session.close(), Deadline(1))


async def _fetch(place: Location, reading: Reading, resolve: Resolve) -> FetchedFile:
    asked, words = place, str(place)
    for _ in range(REDIRECTS + 1):
        prefix = reading.covering(asked)
        if prefix is None:
            raise not_allowed(f"{words} is not an allowed source", asked.folder)
        try:
            answer = await _ask(asked, _session(resolve, public_only=not prefix.names_host), reading)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _NotPublicError):
                raise not_allowed(f"{words} has no public address ({error.os_error})", asked.folder) from error
            raise
        if isinstance(answer, FetchedFile):
            return answer
        asked, words = answer, f"{place} redirects to {answer}, which"
    raise unreadable(place, f"more than {REDIRECTS} redirects")


async def _ask(place: Location, session: aiohttp.ClientSession, reading: Reading) -> FetchedFile | Location:
    """The file at this address, or the address that the server redirects to."""
    target, _, query = place.path.partition("?")
    url = URL.build(scheme=place.scheme, authority=place.authority, path=target, query_string=query, encoded=True)
    async with session.get(url, headers=_log_in(place.login), allow_redirects=False) as response:
        if response.status in _ELSEWHERE:
            return _next(place, response.headers.get("Location", ""))
        _require(place, response, reading)
        return FetchedFile(data=await _body(response, reading), etag=response.headers.get("ETag"))


def _log_in(login: str) -> dict[str, str]:
    user, _, password = login.partition(":")
    return {"Authorization": aiohttp.encode_basic_auth(unquote(user), unquote(password))} if login else {}


def _next(place: Location, target: str) -> Location:
    try:
        found = Location.parse(urljoin(f"{place.scheme}://{place.authority}{place.path}", target))
    except ValueError as error:
        raise unreadable(place, f"it redirects to an invalid address: {error}") from error
    if found.scheme not in WEB_SCHEMES:
        raise not_allowed(f"{place} redirects to {found}, which is not a web address")
    return replace(found, login="")


def _require(place: Location, response: aiohttp.ClientResponse, reading: Reading) -> None:
    """Raise ImageRejected or OSError unless the response is the whole file, uncompressed and not too large."""
    if response.status in _LATER:
        raise OSError(f"the server answers {response.status} {response.reason}")
    if response.status in (404, 410):
        raise missing(place)
    if response.status != 200:
        raise unreadable(place, f"the server answers {response.status} {response.reason}")
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise unreadable(place, f"the server sends it compressed ({coding}), although it was asked not to")
    if response.content_length is not None and response.content_length > reading.max_bytes:
        raise too_large(reading, response.content_length)


async def _body(response: aiohttp.ClientResponse, reading: Reading) -> bytes:
    pieces, there = [], 0
    while piece := await response.content.read(min(_PIECE, reading.max_bytes + 1 - there)):
        pieces.append(piece)
        there += len(piece)
        if there > reading.max_bytes:
            raise too_large(reading)
    return b"".join(pieces)
