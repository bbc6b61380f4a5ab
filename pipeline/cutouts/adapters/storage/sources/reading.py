"""Reads a photograph by its URI from any source that the site allows."""

from __future__ import annotations

import time

from cutouts.adapters.storage.sources.local_files import read_local
from cutouts.adapters.storage.sources.rejections import not_allowed, unreadable
from cutouts.adapters.storage.store_errors import store_errors
from cutouts.core.sources.locations import WEB_SCHEMES, FetchedFile, Location, Reading

TRIES = 3
"""How often a read is tried before the image is rejected as unreadable. The next run tries again."""


def read_image(uri: str, reading: Reading) -> bytes:
    """The bytes at `uri`, read as in `find_image`."""
    return find_image(uri, reading).data


def find_image(uri: str, reading: Reading) -> FetchedFile:
    """The file at `uri`: a path, file://, s3://, gs://, abfs://, https:// or http://, if `reading` allows it.

    At most `reading.max_bytes + 1` bytes are read. Raises ImageRejected for any problem; a later run tries again.
    """
    try:
        place = Location.parse(uri)
    except ValueError as error:
        raise not_allowed(str(error)) from error
    if place.scheme == "file":
        return read_local(place.path, reading)
    return _read_remote(place, reading)


def _read_remote(place: Location, reading: Reading) -> FetchedFile:
    from cutouts.adapters.storage.sources.async_calls import Deadline
    from cutouts.adapters.storage.sources.buckets import read_object
    from cutouts.adapters.storage.sources.web import read_web

    deadline = Deadline(reading.seconds)
    read = read_web if place.scheme in WEB_SCHEMES else read_object
    for pause in (*(0.2 * 4**attempt for attempt in range(TRIES - 1)), None):
        try:
            return read(place, reading, deadline)
        except store_errors() as error:
            if pause is None or pause > deadline.left:
                raise unreadable(place, f"{type(error).__name__}: {error}") from error
            time.sleep(pause)
    raise AssertionError
