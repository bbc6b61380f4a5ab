"""A store: a folder or URL under which files are written whole. On a local disk a file is renamed into place; an object
store shows an object only when its upload is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cutouts.adapters.storage.atomic_files import is_part, replacing
from cutouts.adapters.storage.deleting import delete_remote
from cutouts.adapters.storage.store_errors import helped_by_retry, is_missing_bucket, store_errors
from cutouts.core.advice import advice
from cutouts.core.errors import DamagedError, StorageError, TransientError
from cutouts.core.table_paths import STAGING
from cutouts.core.text.counting import counted

SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)
"""The beginning of a URL; anything else is a plain path."""
_OBSTACLES = frozenset({errno.EISDIR, errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
"""Errors if something else is in the place of a file."""


class Store:
    """Files by name under one URL. It is pickled as its URL.

    Raises TransientError if a store cannot be used at the moment, StorageError if trying again cannot help.
    """

    def __init__(self, url: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self.url = url.rstrip("/")
        self.fs, self._root = file_system(self.url)
        self._local = isinstance(self.fs, LocalFileSystem)

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return type(self), (self.url,)

    def path(self, name: str) -> str:
        """The path of the name in the file system."""
        return f"{self._root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether a file or folder of that name exists."""
        with self._errors(name):
            return bool(self.fs.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """The file's bytes. Raises FileNotFoundError if it does not exist."""
        with self._errors(name):
            self._require_file(name)
            return bytes(self.fs.cat_file(self.path(name)))

    def write(self, name: str, data: bytes) -> None:
        """Write the file whole. On a local disk it survives a power cut."""
        if self._local:
            with self.writing(name) as stream:
                stream.write(data)
        else:
            with self._errors(name, missing=True):
                self.fs.pipe_file(self.path(name), data)

    def remove(self, name: str) -> None:
        """Delete the file if it exists."""
        with suppress(FileNotFoundError), self._errors(name):
            self.fs.rm_file(self.path(name))

    def remove_all(self, names: Iterable[str]) -> None:
        """Delete the files that exist, in this order; an object store deletes many at a time."""
        if self._local:
            for name in names:
                self.remove(name)
        elif paths := [self.path(name) for name in names]:
            with self._errors(f"({counted(len(paths), 'file')} to delete)"):
                delete_remote(self.fs, paths)

    def move(self, name: str, target: str) -> None:
        """Rename the file if it exists."""
        with suppress(FileNotFoundError), self._errors(name):
            self.fs.makedirs(self.path(target).rpartition("/")[0], exist_ok=True)
            self.fs.mv(self.path(name), self.path(target))

    def tail(self, name: str, count: int) -> bytes:
        """The last `count` bytes of the file. Raises FileNotFoundError if it does not exist."""
        with self._errors(name):
            self._require_file(name)
            return bytes(self.fs.cat_file(self.path(name), start=-count))

    def size(self, name: str) -> int | None:
        """The file's size in bytes; None if it does not exist."""
        with self._errors(name):
            try:
                return int(self.fs.info(self.path(name))["size"])
            except FileNotFoundError:
                return None

    def put_object(self, data: bytes, suffix: str) -> str:
        """Store bytes under their sha256 and return the name `ab/ab….suffix`.

        An existing object of that name is read: if its bytes are others, it is damaged and written again.
        """
        name = object_name(data, suffix)
        self.put_named(name, data)
        return name

    def put_named(self, name: str, data: bytes) -> None:
        """Do what `put_object` does, for bytes whose `object_name` is known."""
        if not self._has(name, data):
            self.write(name, data)

    def _has(self, name: str, data: bytes) -> bool:
        """Whether the file has exactly these bytes. It is read only if its size is right."""
        try:
            return self.size(name) == len(data) and self.read(name) == data
        except FileNotFoundError:  # deleted in between
            return False

    def names(self, folder: str, suffix: str) -> list[str]:
        """Sorted names of the files below `folder` that end with `suffix` and are not hidden; none if it is missing."""
        return [*self.sizes(folder, suffix)]

    def sizes(self, folder: str, suffix: str) -> dict[str, int]:
        """The sizes in B of the files in `names`, by name."""
        with self._errors(folder):
            named = {name: int(about["size"]) for name, about in self._below(folder) if name.endswith(suffix)}
        return {name: named[name] for name in sorted(named) if "/." not in f"/{name}"}

    def written(self, folder: str = "") -> dict[str, tuple[int, datetime]]:
        """Every file below `folder`, even hidden or unfinished, with its size in B and when it was written (UTC)."""
        return dict(sorted(self.each_written(folder)))

    def unfinished(self) -> list[str]:
        """The incomplete files that killed processes left. An object store shows no such files."""
        return [name for name, _ in self.each_written() if is_part(name)] if self._local else []

    def each_written(self, folder: str = "") -> Iterator[tuple[str, tuple[int, datetime]]]:
        """The same, file by file and in no order. On a local disk, few of them are in memory at a time."""
        with self._errors(folder):
            for name, about in self._below(folder):
                yield name, (int(about["size"]), _written(about))

    def _below(self, folder: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The files below a folder by name, with what the file system says about each; none if the folder is missing.

        Raises StorageError if the whole bucket is missing, and the file system's error if a folder cannot be listed.
        fsspec's own `find` leaves such a local folder out, and its files would count as not there.
        """
        start, left = len(self.path("").rstrip("/")) + 1, [self.path(folder)]
        if not self._local:
            try:
                found = self.fs.find(left[0], detail=True)
            except FileNotFoundError as error:
                if is_missing_bucket(error):
                    raise StorageError(f"{self.url}: its bucket does not exist") from error
                return
            yield from ((path[start:], about) for path, about in found.items())
            return
        while left:
            with suppress(FileNotFoundError):  # missing, or removed meanwhile
                for about in self.fs.ls(left.pop(), detail=True):
                    if about["type"] == "directory":
                        left.append(about["name"])
                    else:
                        yield about["name"][start:], about

    @contextmanager
    def reading(self, name: str) -> Iterator[Any]:
        """A binary stream of the file's bytes. Raises FileNotFoundError if it does not exist."""
        with self._errors(name):
            self._require_file(name)
            with self.fs.open(self.path(name), "rb") as stream:
                yield stream

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """A binary stream whose content appears under `name` when the block ends without an error."""
        with self._errors(name, missing=True):
            if not self._local:  # no fsspec transaction, because all threads would share it
                with tempfile.NamedTemporaryFile(prefix="cutouts-") as part:
                    yield part
                    part.flush()
                    self.fs.put_file(part.name, self.path(name))
                return
            with replacing(Path(self.path(name)), durable=True) as stream:
                yield stream

    @contextmanager
    def _errors(self, name: str, *, missing: bool = False) -> Iterator[None]:
        """Raise a store's errors as StorageError, or TransientError if trying again can help.

        If something else is in the place of the file, it is damaged. FileNotFoundError is not converted. For writing,
        `missing` is set, and both are StorageErrors.
        """
        try:
            yield
        except store_errors() as error:
            if isinstance(error, FileNotFoundError) and not missing:
                raise
            if not missing and isinstance(error, OSError) and error.errno in _OBSTACLES:
                raise DamagedError(f"{self.url}/{name}", f"it is not a file ({error.strerror})") from error
            told = f"{self.url}/{name}: {type(error).__name__}: {error}"
            if helped_by_retry(error):
                raise TransientError(told) from error
            if self._local and isinstance(error, OSError) and error.errno:
                told = f"{self.url}/{name}: {error.strerror}; {advice(error)}"
            raise StorageError(told) from error

    def _require_file(self, name: str) -> None:
        """Raise an OSError for a folder, pipe or device in the place of a local file: opening a pipe would wait."""
        if self._local:
            mode = Path(self.path(name)).stat().st_mode
            if stat.S_ISDIR(mode):
                raise OSError(errno.EISDIR, "it is a folder")
            if not stat.S_ISREG(mode):
                raise OSError(errno.ENXIO, "it is a pipe or a device")


def _written(about: Mapping[str, Any]) -> datetime:
    """When a file was written, from its file system's information: seconds, or a time in UTC. Raises StorageError."""
    told = about.get("mtime") or about.get("LastModified") or about.get("last_modified") or about.get("created")
    if isinstance(told, datetime):
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    if told is None:
        raise StorageError(f"{about.get('name')}: its store does not say when it was written")
    return datetime.fromtimestamp(float(told), UTC)


def is_unfinished(name: str) -> bool:
    """Whether a file of a store is there only while a process works: an incomplete file, or what a repair makes."""
    return is_part(name) or name.startswith(f"{STAGING}/")


def open_store(url: str) -> Store:
    """The store at that URL, opened once per process. A relative path begins in the present working folder."""
    relative = SCHEME.match(url) is None and not Path(url).is_absolute()
    return _opened(url, Path.cwd() if relative else None)


@lru_cache(maxsize=16)
def _opened(url: str, folder: Path | None) -> Store:  # noqa: ARG001 -- it is a part of the key
    """`folder` is where a relative path begins."""
    return Store(url)


def object_name(data: bytes, suffix: str) -> str:
    """The name of an object, `ab/ab…suffix`, from the sha256 of its bytes."""
    digest = hashlib.sha256(data).hexdigest()
    return f"{digest[:2]}/{digest}{suffix}"


def file_system(url: str) -> tuple[Any, str]:
    """The file system for a path or URL, and its path there. Raises ValueError or ImportError for unknown schemes.

    Anything without a scheme is a plain path, whatever characters it has, and chained URLs are not supported, because
    file names come from strangers.
    """
    import fsspec  # `cutouts cut` needs no store, and this is a tenth of the time that it takes for one image
    from fsspec.implementations.local import LocalFileSystem

    found = SCHEME.match(url)
    if found is None or found["scheme"].lower() == "file":
        return LocalFileSystem(), os.path.abspath(unquote(url[found.end() :]) if found else url)  # noqa: PTH100
    kind = fsspec.get_filesystem_class(found["scheme"].lower())
    options = kind._get_kwargs_from_urls(url)  # noqa: SLF001 -- fsspec's hook: Azure's account is part of the URL
    # Another process may write at any moment, so listings are not cached.
    return kind(**options, use_listings_cache=False), str(kind._strip_protocol(url)).rstrip("/")  # noqa: SLF001
