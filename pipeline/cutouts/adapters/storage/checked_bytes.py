"""Bytes of any kind in a store, followed by the SHA-256 of their name and themselves."""

from __future__ import annotations

import hashlib

from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import stated_name
from cutouts.core.errors import DamagedError


def write_checked(store: Store, name: str, data: bytes) -> None:
    """Write bytes with their digest."""
    store.write(name, data + _digest(name, data))


def find_checked(store: Store, name: str) -> bytes | None:
    """The bytes; None if they are missing or damaged, so that their writer writes them again."""
    try:
        stored = store.read(name)
    except (FileNotFoundError, DamagedError):
        return None
    data, digest = stored[:-_BYTES], stored[-_BYTES:]
    return data if digest == _digest(name, data) else None


_BYTES = hashlib.sha256().digest_size


def _digest(name: str, data: bytes) -> bytes:
    return hashlib.sha256(stated_name(name).encode() + data).digest()
