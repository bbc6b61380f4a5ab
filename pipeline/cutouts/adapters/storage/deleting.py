"""Deletes many files of a remote file system with few requests."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from cutouts.adapters.storage.parallel import in_parallel

_AT_ONCE = 1_000
"""Most objects that S3 deletes in one request."""
_BUSY = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
"""S3's codes for objects that may be deleted by another try."""


def delete_remote(fs: Any, paths: Sequence[str]) -> None:
    """Delete the files that exist: on S3 a thousand per request, elsewhere several at a time.

    fsspec's `rm` is not used: it reads `*` and `[` in names as patterns, and on S3 it ignores objects that could not be
    deleted. Raises OSError if a file is still there: EBUSY if another try can help.
    """
    if not hasattr(fs, "call_s3"):
        list(in_parallel(lambda path: _delete_one(fs, path), paths))
        return
    for bucket, keys in _by_bucket(fs, paths):
        for begin in range(0, len(keys), _AT_ONCE):
            some = keys[begin : begin + _AT_ONCE]
            request = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            _require_deleted(bucket, fs.call_s3("delete_objects", Bucket=bucket, Delete=request))


def _delete_one(fs: Any, path: str) -> None:
    with suppress(FileNotFoundError):
        fs.rm_file(path)


def _by_bucket(fs: Any, paths: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    places = (fs.split_path(path)[:2] for path in paths)
    for bucket, found in groupby(places, key=lambda place: str(place[0])):
        yield bucket, [str(key) for _, key in found]


def _require_deleted(bucket: str, answer: Mapping[str, Any]) -> None:
    """Raise OSError for the first object that S3 did not delete."""
    for failed in answer.get("Errors", ()):
        code = str(failed.get("Code"))
        kind = errno.EBUSY if code in _BUSY else errno.EACCES
        raise OSError(kind, f"{os.strerror(kind)} ({code})", f"{bucket}/{failed.get('Key')}")
