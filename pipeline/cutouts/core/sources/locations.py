"""Where a photograph is, and whether it may be read from there: URIs, allowed prefixes, limits.

A manifest comes from a stranger. So its URIs are parsed only here, by one strict grammar, and what is opened is built
from the parsed parts. Nothing here touches a file or the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from urllib.parse import quote, unquote, unquote_to_bytes

OBJECT_SCHEMES = ("s3", "gs", "abfs")
"""Object stores: the authority is a bucket, and the path is a key that is used as written."""
WEB_SCHEMES = ("https", "http")
SCHEMES = ("file", *OBJECT_SCHEMES, *WEB_SCHEMES)
"""All schemes that a photograph can be read from."""

_LISTED = ", ".join(f"{scheme}://" for scheme in SCHEMES)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
CHAINING = (
    *("async_wrapper", "asyncwrapper", "blockcache", "cached", "dask", "dir", "filecache", "libarchive", "reference"),
    *("simplecache", "tar", "zip"),
)
"""Protocols that fsspec opens on top of another address, as in `zip::https://…`; nothing is ever read like this."""
CHAINED = rf"^(?i:(?:{'|'.join(CHAINING)})::|[a-z][a-z0-9+.-]*::(?s:.*)://)"
"""Matches a chain of addresses, but not a name, in the regular expressions of Python and of Arrow (RE2)."""
_CHAINED = re.compile(CHAINED)
_WEB = re.compile(
    r"(?:(?P<login>[^/?#\\]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#\\@:\[\]%]+)(?::(?P<port>\d{0,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?"
)
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_NUMBER = re.compile(r"\d+|0[xX][0-9A-Fa-f]*")
_AS_WRITTEN = "%/:@!$&'()*+,;=-._~?[]"
"""Characters that a URL's path and query may contain (RFC 3986); percent-encoded ones stay as they are."""
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The parsed location of one photograph.

    `authority` is `host:port` of a web address (lower case, always with a port), the bucket of an object store, or
    empty for a file. `path` is the name of the file, the key of the object, or the path and query of a web address,
    percent-encoded as in the URI. `login` is `user:password`, encoded likewise, or empty.
    """

    scheme: str
    authority: str
    path: str
    login: str = ""

    @classmethod
    def parse(cls, uri: str) -> Location:
        """The location that a URI or a plain path names. Raises ValueError with a message if it names none that can be
        read.

        Text without `scheme://` is a plain path: a name may contain `::`, `#`, `?` and `%20`, and is used exactly as it
        is, unless it begins like a chain (`zip::a.jpg`).
        """
        if "\0" in uri:
            raise ValueError("a NUL character cannot be part of a name")
        if _CHAINED.match(uri):
            raise ValueError(
                f"a chain of addresses (`{uri.partition('::')[0]}::…`) is not supported; write a name as ./NAME"
            )
        found = _URL.fullmatch(uri)
        if found is None:
            return cls(scheme="file", authority="", path=uri)
        scheme = found["scheme"].lower()
        if scheme == "file":
            return _file(found["rest"])
        if scheme in OBJECT_SCHEMES:
            return _object(scheme, found["rest"])
        if scheme in WEB_SCHEMES:
            return _web(scheme, found["rest"])
        raise ValueError(f"{scheme}:// is not supported; expected a path or one of {_LISTED}")

    @property
    def host(self) -> str:
        """The host of a web address, without brackets."""
        return self.authority.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of a web address."""
        return int(self.authority.rpartition(":")[2])

    @property
    def folder(self) -> str:
        """The prefix that a person would add to allow this location: a file's folder, a bucket, a host."""
        if self.scheme == "file":
            return os.path.dirname(self.path) or "/"  # noqa: PTH120 -- a Path drops what a name may end in
        return f"{self.scheme}://{self.authority.removesuffix(f':{_PORTS.get(self.scheme)}')}/"

    def __str__(self) -> str:
        """The location without log-in and query, which may be secrets."""
        if self.scheme == "file":
            return self.path
        return f"{self.folder}{self.path.partition('?')[0].removeprefix('/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A prefix of allowed locations, compared part by part: `/photos` covers `/photos/a.jpg`, but not `/photos2/a.jpg`.

    Without an authority it covers every bucket, or every public host.
    """

    scheme: str
    authority: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Parse an absolute path, `file:///…`, `s3://BUCKET/…`, `https://HOST/…` or `https://`. Raises ValueError."""
        for scheme in (*OBJECT_SCHEMES, *WEB_SCHEMES):
            if text.lower() == f"{scheme}://":
                return cls(scheme=scheme, authority="", path="")
        place = Location.parse(text)
        if place.scheme == "file" and not place.path.startswith("/"):
            raise ValueError(f"expected an absolute path or one of {_LISTED}")
        if place.scheme in WEB_SCHEMES and (place.login or "?" in place.path):
            raise ValueError("a prefix cannot have a log-in or a query")
        return cls(scheme=place.scheme, authority=place.authority, path=place.path)

    @property
    def names_host(self) -> bool:
        """Whether it names a single host, which may then have a private address."""
        return bool(self.authority)

    def covers(self, place: Location) -> bool:
        """Whether the location is below it. Both paths of files have to be resolved (no links, no `..`)."""
        if place.scheme != self.scheme or self.authority not in ("", place.authority):
            return False
        ours, theirs = _parts(self.scheme, self.path), _parts(place.scheme, place.path)
        return not ours or (theirs[: len(ours)] == ours and not _has_dots(place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Limits for one photograph: where it may be read from, how many bytes, and how many seconds in all."""

    allowed: tuple[Prefix, ...]
    max_bytes: int
    seconds: float

    def covering(self, place: Location) -> Prefix | None:
        """The prefix that allows a location that is not a file, preferably one that names the host. None if it is
        refused."""
        found = [prefix for prefix in self.allowed if prefix.covers(place)]
        return max(found, key=lambda prefix: prefix.names_host, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """The content of a location: its bytes, and the ETag as the store reports it (None if it reports none)."""

    data: bytes
    etag: str | None


def same_etag(one: str, other: str) -> bool:
    """Whether two ETags name the same version. Stores and manifests differ in quotes and in the mark of a weak one."""
    return _bare(one) == _bare(other)


def parse_prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    """The prefixes written in the texts. Raises ValueError with every invalid text."""
    found, problems = [], []
    for text in texts:
        try:
            found.append(Prefix.parse(text))
        except ValueError as error:
            problems.append(f"{text!r}: {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def _file(rest: str) -> Location:
    host, slash, path = rest.partition("/")
    if host.lower() not in ("", "localhost") or not slash:
        raise ValueError("a file:// URI names a file of this machine, as file:///folder/name")
    decoded = os.fsdecode(unquote_to_bytes(f"/{path}"))
    if "\0" in decoded:
        raise ValueError("a NUL character cannot be part of a name")
    return Location(scheme="file", authority="", path=decoded)


def _object(scheme: str, rest: str) -> Location:
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise ValueError(f"{scheme}:// needs the name of a bucket")
    if {".", ".."} & set(key.split("/")):
        raise ValueError("a key with the parts `.` or `..` cannot be read")
    return Location(scheme=scheme, authority=bucket, path=key)


def _web(scheme: str, rest: str) -> Location:
    found = _WEB.fullmatch(rest)
    if found is None or _CONTROL.search(rest.replace(" ", "")):
        raise ValueError(f"not a web address: expected {scheme}://HOST[:PORT]/PATH")
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError(f"not a web address: there is no port {port}")
    path = quote((found["path"] or "/") + (found["query"] or ""), safe=_AS_WRITTEN)
    return Location(scheme=scheme, authority=f"{_host(found['host'])}:{port}", path=path, login=found["login"] or "")


def _host(text: str) -> str:
    """The host in one spelling. Raises ValueError for numbers that a resolver would accept as an address."""
    host = text.lower().rstrip(".")
    try:
        if host.startswith("["):
            return f"[{IPv6Address(host[1:-1]).compressed}]"
        host = host.encode("idna").decode("ascii")
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError:  # UnicodeError is one too
        raise ValueError(f"not a web address: {text!r} is neither a host name nor a full IP address") from None
    if not _NAME.fullmatch(host):
        raise ValueError(f"not a web address: {text!r} is neither a host name nor a full IP address")
    return host


def _parts(scheme: str, path: str) -> list[str]:
    """The path's parts as they are compared. Keys keep empty parts, which are part of their name."""
    if scheme in OBJECT_SCHEMES:
        parts = path.removesuffix("/").split("/")
        return parts if parts != [""] else []
    if scheme in WEB_SCHEMES:
        return [unquote(part) for part in path.partition("?")[0].split("/") if part]
    return [part for part in path.split("/") if part]


def _has_dots(place: Location) -> bool:
    """Whether this path could make a web server leave a folder, if encoded separators count as real ones."""
    if place.scheme not in WEB_SCHEMES:
        return False
    path = unquote(place.path.partition("?")[0]).replace("\\", "/")
    return not {".", ".."}.isdisjoint(path.split("/"))


def url_of(path: PurePath) -> str | None:
    """The URL that this path was made of; None if it was none. A folder that has such a name has an absolute path."""
    first, *rest = path.parts or ("",)
    is_scheme = first.lower() in [f"{scheme}:" for scheme in SCHEMES]
    return f"{first}//{'/'.join(rest)}" if is_scheme else None
