"""Reads a photograph from the local disk: a regular file that is below an allowed folder after following all links.

The file is checked through a descriptor before it is opened for reading. Changing a link in between has no effect, and
a pipe or a device is never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cutouts.adapters.storage.sources.rejections import missing, not_allowed, too_large, unreadable
from cutouts.core.sources.locations import FetchedFile, Location, Prefix, Reading

_LOOK = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_DESCRIPTORS = Path("/proc/self/fd")
"""On Linux, this names the file of a descriptor. Without it (macOS), the path is resolved and opened again."""
_PIECE = 1 << 16
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_local(path: str, reading: Reading) -> FetchedFile:
    """A file's bytes and version.

    Raises ImageRejected if it is not allowed, missing, not a regular file, too large or cannot be read.
    """
    try:
        _require_allowed(path, os.path.realpath(path), reading)
        with _opened(path, _LOOK) as look:
            _require_allowed(path, _real_path(look, path), reading)
            size = _size(look, path, reading)
            with _opened(_again(look, path), _READ) as descriptor:
                return FetchedFile(data=_bytes(descriptor, size, reading), etag=version_of(os.fstat(descriptor)))
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except (OSError, ValueError) as error:  # ValueError: a character that this system does not allow in names
        raise unreadable(path, getattr(error, "strerror", None) or error) from error


def version_of(status: os.stat_result) -> str:
    """A substitute for an ETag: the time when the file was written (ns) and its size (B), in hexadecimal."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def folder_allowed(folder: Path, reading: Reading) -> bool:
    """Whether all files below that folder may be read, except through links that leave it."""
    return _covered(os.path.realpath(folder), reading)


@contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _again(look: int, path: str) -> str:
    return str(_DESCRIPTORS / str(look)) if _DESCRIPTORS.is_dir() else path


def _real_path(look: int, path: str) -> str:
    """The path of the opened file after following every link."""
    return os.readlink(_again(look, path)) if _DESCRIPTORS.is_dir() else os.path.realpath(path)  # noqa: PTH115 -- keeps every byte


def _require_allowed(path: str, real: str, reading: Reading) -> None:
    """Raise ImageRejected if the file is in no allowed folder.

    The target of a link outside the allowed folders is not shown, because that would reveal that the link exists.
    """
    if _covered(real, reading):
        return
    plain = os.path.abspath(path)  # noqa: PTH100 -- resolves no link
    told = real if _is_below(plain, [*_folders(reading), *map(os.path.realpath, _folders(reading))]) else plain
    here = Location(scheme="file", authority="", path=told)
    leads = "" if told == path else f" leads to {told}, which"
    raise not_allowed(f"{path}{leads} is in no allowed folder", here.folder)


def _covered(real: str, reading: Reading) -> bool:
    return _is_below(real, map(os.path.realpath, _folders(reading)))


def _folders(reading: Reading) -> list[str]:
    return [prefix.path for prefix in reading.allowed if prefix.scheme == "file"]


def _is_below(path: str, folders: Iterable[str]) -> bool:
    here = Location(scheme="file", authority="", path=path)
    return any(Prefix(scheme="file", authority="", path=folder).covers(here) for folder in folders)


def _size(look: int, path: str, reading: Reading) -> int:
    """The size in B of a regular file. Raises ImageRejected if it is another kind of file, or too large."""
    status = os.fstat(look)
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        raise unreadable(path, f"it is {_KINDS.get(kind, 'no regular file')}")
    if status.st_size > reading.max_bytes:
        raise too_large(reading, status.st_size)
    return status.st_size


def _bytes(descriptor: int, size: int, reading: Reading) -> bytes:
    """The content. If a file grows while it is read or hides its size, as in /proc, it is read up to the limit.

    Raises ImageRejected if it is too large.
    """
    pieces, there, wanted = [], 0, size + 1
    while piece := os.read(descriptor, wanted):
        pieces.append(piece)
        there += len(piece)
        if there > reading.max_bytes:
            raise too_large(reading)
        wanted = min(max(size - there, 0) + _PIECE, reading.max_bytes + 1 - there)
    return b"".join(pieces)
