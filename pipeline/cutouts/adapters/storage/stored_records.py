"""Records in a store, as JSON with a checksum.

A record has the SHA-256 of its name and its JSON. DamagedError is raised if it does not match: the content is damaged,
or it is the content of another file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from cutouts.adapters.storage.store import Store
from cutouts.core.errors import DamagedError

R = TypeVar("R")


def write_record(store: Store, name: str, record: Any) -> None:
    """Write a record as JSON, with its digest."""
    body = _adapter(type(record)).dump_json(record, indent=1)
    store.write(name, b'{"sha256": "%s", "record": %s}' % (_digest(name, body), body))


def read_record(store: Store, name: str, kind: type[R]) -> R:
    """Read a record. Raises FileNotFoundError if it does not exist, DamagedError if it is damaged."""
    body = _verified(store, name)
    try:
        record: R = _adapter(kind).validate_json(body)
    except ValidationError as error:
        raise damaged(store, name, f"it is not a {kind.__name__}") from error
    return record


_adapter: Callable[[Any], TypeAdapter[Any]] = lru_cache(maxsize=64)(TypeAdapter)
"""Reads and writes records of a kind. Making it takes 35 times as long as reading a record with it."""


def check_record(store: Store, name: str) -> None:
    """Raise DamagedError if the record, which may be of any kind, is missing or damaged."""
    try:
        record = json.loads(_verified(store, name))
    except FileNotFoundError as error:
        raise damaged(store, name, "it is not there") from error
    except ValueError as error:
        raise damaged(store, name, "it is not JSON") from error
    if not isinstance(record, dict) or not record:
        raise damaged(store, name, "it is not a record")


def find_record(store: Store, name: str, kind: type[R]) -> R | None:
    """Read a record; None if it is missing or damaged, so that its writer writes it again."""
    try:
        return read_record(store, name, kind)
    except (FileNotFoundError, DamagedError):
        return None


def stated_name(name: str) -> str:
    """The name of a file in ASCII, also if it is not UTF-8."""
    return quote(name, safe="/=", errors="surrogateescape")


def damaged(store: Store, name: str, why: str) -> DamagedError:
    """The error of a file that cannot be used."""
    return DamagedError(f"{store.url}/{name}", why)


_RECORD = re.compile(rb'\{"sha256": "([0-9a-f]{64})", "record": (.*)\}', re.DOTALL)
_KEYS = frozenset({"sha256", "record"})


def _verified(store: Store, name: str) -> bytes:
    """The JSON of a record, verified with its digest."""
    data = store.read(name)
    found = _RECORD.fullmatch(data)
    if found is None:
        if _has_digest(data):
            raise damaged(store, name, "its digest is damaged")
        return data  # old records have no digest
    if found[1] not in (_digest(name, found[2]), _digest("", found[2])):  # old ones are without their name
        raise damaged(store, name, "it does not match its digest, or is another file's")
    return found[2]


def _digest(name: str, body: bytes) -> bytes:
    return hashlib.sha256(stated_name(name).encode() + body).hexdigest().encode()


def _has_digest(data: bytes) -> bool:
    """Whether a record was written with its digest, although one of the two keys around it may be damaged."""
    with suppress(ValueError):
        keys = json.loads(data)
        return isinstance(keys, dict) and len(keys) == len(_KEYS) and not _KEYS.isdisjoint(keys)
    return False
