"""Local files that are replaced atomically (complete or missing, even if the process dies), and locks beside them."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cutouts.core.advice import advice
from cutouts.core.errors import OutputError, StorageError
from cutouts.core.text.naming import fitting

_OF_ONE_FILE = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EILSEQ})
"""Errors of the system about this one name; any other error would affect every file."""
_PART = re.compile(r"(.*/)?\.[^/]*\.[0-9]+-[0-9a-f]{8}\.part")


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Raise an error of the system in the block, which writes `target`, as OutputError if the system refuses the name,
    otherwise as StorageError."""
    try:
        yield
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _OF_ONE_FILE:
            raise OutputError(f"{target}: {words}") from error
        raise StorageError(f"{target} cannot be written: {words}; {advice(error)}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write the file whole, in place of an earlier one."""
    with replacing(path) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A stream whose content replaces the file if the block ends without an error.

    If `durable`, file and folder are synced to disk before this returns, so that a power cut loses neither.
    """
    _make_folder(path.parent, durable=durable)
    part = part_path(path)
    try:
        with part.open("wb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        part.replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        if error.filename != str(part):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # users know the file by this name
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep every other process and thread out of blocks with this path, during this one.

    The file `path` exists meanwhile. If the process is killed, the file remains, but locks nobody out. Raises
    BlockingIOError, without `wait`, if somebody is in such a block, and OSError if the file cannot be locked.
    """
    file = _lock(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


def part_path(path: Path) -> Path:
    """A new hidden path next to `path`, for its content while it is incomplete."""
    return path.with_name(fitting(f".{path.name}", f".{os.getpid()}-{uuid.uuid4().hex[:8]}.part"))


def is_part(name: str) -> bool:
    """Whether a path is a `part_path`. It remains if its writer is killed."""
    return _PART.fullmatch(name) is not None


def _lock(path: Path, how: int) -> int:
    """Open and lock the file. Whoever had it before may have removed it meanwhile; then a new one is locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, how)
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _make_folder(folder: Path, *, durable: bool) -> None:
    """Make a folder. If `durable`, the names of new folders are synced to disk too."""
    new = [one for one in (folder, *folder.parents) if durable and not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in reversed(new):
        _sync_folder(one.parent)


def _sync_folder(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
