"""Reads a photograph from an object store through fsspec: from an allowed bucket, bounded in size and time."""

from __future__ import annotations

from typing import Any

import fsspec

from cutouts.adapters.storage.sources.async_calls import Deadline, wait_for
from cutouts.adapters.storage.sources.rejections import missing, not_allowed, too_large, unreadable
from cutouts.core.sources.locations import FetchedFile, Location, Reading

_ETAGS = ("ETag", "etag")
"""The names of an object's ETag in s3fs, gcsfs and adlfs."""


def read_object(place: Location, reading: Reading, deadline: Deadline) -> FetchedFile:
    """The bytes of an object, and its ETag if the store has one.

    Raises ImageRejected if it is not allowed, missing, too large or cannot be read; OSError or the client's own errors
    if trying again can help.
    """
    if reading.covering(place) is None:
        raise not_allowed(f"{place} is in no allowed bucket", place.folder)
    try:
        return wait_for(_fetch(place, reading), deadline)
    except FileNotFoundError:
        raise missing(place) from None
    except (PermissionError, ImportError) as error:  # ImportError: the store's client is not installed
        raise unreadable(place, error) from error


async def _fetch(place: Location, reading: Reading) -> FetchedFile:
    store, path = _opened(place)
    found = await store._info(path)  # noqa: SLF001 -- fsspec's name for its coroutine
    if found["type"] != "file":
        raise unreadable(place, "it is a folder")
    size = int(found["size"])
    if size > reading.max_bytes:
        raise too_large(reading, size)
    etag = next((str(found[name]) for name in _ETAGS if found.get(name)), None)
    if not size:
        return FetchedFile(data=b"", etag=etag)
    data = await store._cat_file(path, start=0, end=reading.max_bytes + 1)  # noqa: SLF001 -- likewise
    if len(data) > reading.max_bytes:
        raise too_large(reading)
    return FetchedFile(data=bytes(data), etag=etag)


def _opened(place: Location) -> tuple[Any, str]:
    """The store and the object's name in it. This avoids fsspec's own URL parser, which supports chained URLs."""
    uri = f"{place.scheme}://{place.authority}/{place.path}"
    kind = fsspec.get_filesystem_class(place.scheme)
    options = kind._get_kwargs_from_urls(uri)  # noqa: SLF001 -- fsspec's hook: Azure's account is part of the URL
    return kind(asynchronous=False, **options), str(kind._strip_protocol(uri))  # noqa: SLF001 -- likewise
