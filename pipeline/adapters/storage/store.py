"""A store: a folder or URL under which files are written whole. On a local disk a file is renamed into place; an object
store shows an object only when its upload is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import fsspec

from pipeline.core.errors import StorageError, TransientError
from pipeline.core.naming import fitting

T = TypeVar("T")

_PERMANENT = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
_PERMANENT_NUMBERS = frozenset(
    getattr(errno, name)
    for name in ("EINVAL", "EISDIR", "ELOOP", "EMSGSIZE", "ENAMETOOLONG", "ENOSYS", "EPERM", "EREMCHG", "EROFS")
    if hasattr(errno, name)
)


def write_file(path: Path, data: bytes) -> None:
    """Write a local file atomically: it is there whole, or not at all, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _part(path: Path) -> Path:
    """A hidden name beside `path`, for its content while it is not whole."""
    return path.with_name(fitting(f".{path.name}", f".{os.getpid()}-{uuid.uuid4().hex[:8]}.part"))


class Store:
    """Files by name under one URL. Picklable by its URL.

    Raises TransientError if a store cannot be used at the moment, StorageError if trying again cannot help.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.fs, self._root = fsspec.core.url_to_fs(self.url)
        self._local = getattr(self.fs, "protocol", "") in ("file", ("file", "local"))

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return type(self), (self.url,)

    def path(self, name: str) -> str:
        """The name as the file system spells it."""
        return f"{self._root}/{name}"

    def local_path(self, name: str) -> Path | None:
        """Where the file lies on this machine's disk; None on a remote store."""
        return Path(self.path(name)) if self._local else None

    def exists(self, name: str) -> bool:
        """Whether a file or folder of that name is there."""
        with self._errors(name):
            return bool(self.fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """The file's bytes. FileNotFoundError where it is not there."""
        with self._errors(name):
            return bytes(self.fs.cat_file(self.path(name)))

    def write(self, name: str, data: bytes) -> None:
        """Write the file whole."""
        with self._errors(name, missing=True):
            if self._local:
                write_file(Path(self.path(name)), data)
            else:
                self.fs.pipe_file(self.path(name), data)

    def put_object(self, data: bytes, suffix: str) -> str:
        """Store bytes under their own sha256, once; gives the name `ab/ab….suffix`."""
        digest = hashlib.sha256(data).hexdigest()
        name = f"{digest[:2]}/{digest}{suffix}"
        if not self.exists(name):
            self.write(name, data)
        return name

    def names(self, folder: str, suffix: str) -> list[str]:
        """Names of the files below `folder` that end in `suffix`, sorted; none where the folder is missing."""
        with self._errors(folder):
            try:
                found = self.fs.find(self.path(folder))
            except FileNotFoundError:
                return []
        start = len(self.path("").rstrip("/")) + 1
        return sorted(path[start:] for path in found if path.endswith(suffix) and "/." not in path)

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """A binary stream whose content appears under `name` when the block ends without an error."""
        with self._errors(name, missing=True):
            if not self._local:
                with self.fs.transaction, self.fs.open(self.path(name), "wb") as stream:
                    yield stream
                return
            path = Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            part = _part(path)
            try:
                with part.open("wb") as stream:
                    yield stream
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    @contextmanager
    def _errors(self, name: str, *, missing: bool = False) -> Iterator[None]:
        """What a store raises, as StorageError; FileNotFoundError stays itself unless `missing` is an error too."""
        try:
            yield
        except store_errors() as error:
            if isinstance(error, FileNotFoundError) and not missing:
                raise
            kind = TransientError if _may_pass(error) else StorageError
            raise kind(f"{self.url}/{name}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=16)
def open_store(url: str) -> Store:
    """The store of that URL, opened once per process."""
    return Store(url)


def store_errors() -> tuple[type[Exception], ...]:
    """What a file system raises when it cannot be used: OSError, and the loaded network clients' bases."""
    errors: list[type[Exception]] = [OSError]
    if "aiohttp" in sys.modules:
        errors.append(sys.modules["aiohttp"].ClientError)
    if "botocore.exceptions" in sys.modules:
        errors += [sys.modules["botocore.exceptions"].BotoCoreError, sys.modules["botocore.exceptions"].ClientError]
    return tuple(errors)


def _may_pass(error: Exception) -> bool:
    """Whether the cause may be gone in a while: a lost connection, a busy server, a full disk; not a wrong name."""
    if isinstance(error, OSError):
        return not isinstance(error, _PERMANENT) and error.errno not in _PERMANENT_NUMBERS
    response = getattr(error, "response", None)  # of botocore's ClientError
    status = response["ResponseMetadata"]["HTTPStatusCode"] if response else getattr(error, "status", None)
    if isinstance(status, int):
        return status in (408, 429) or status >= 500
    return isinstance(error, _lost_connections())


def _lost_connections() -> tuple[type[Exception], ...]:
    """What the loaded network clients raise for a connection that failed, apart from OSError."""
    errors: list[type[Exception]] = []
    if "aiohttp" in sys.modules:
        errors += [sys.modules["aiohttp"].ClientConnectionError, sys.modules["aiohttp"].ClientPayloadError]
    if "botocore.exceptions" in sys.modules:
        botocore = sys.modules["botocore.exceptions"]
        errors += [botocore.ConnectionError, botocore.HTTPClientError]
    return tuple(errors)
