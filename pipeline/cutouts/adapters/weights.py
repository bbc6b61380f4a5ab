"""Downloads networks: a file is downloaded next to its destination, resumed if interrupted, verified and then moved.

Only a verified file gets the network's name, and only if the name is free: no other file is replaced. A broken
connection leaves a hidden `.part` file that the next try resumes. After a wrong digest, a wrong size or a full disk,
nothing is left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from cutouts.core.errors import ModelError, StorageError, TransientError
from cutouts.core.text.naming import fitting
from cutouts.core.text.numbers import whole_number
from cutouts.models import ModelRow, contradiction

if TYPE_CHECKING:
    import requests

Tell = Callable[[int, int | None], None]
"""A callback for progress: the bytes downloaded so far, and the total, or None if it is unknown."""

_PIECE = 1 << 18
"""Bytes that are read at a time."""
_MOST_BYTES = 1 << 34
"""Most bytes of a network if its row does not state its size."""
_TRIES = 5
"""The download fails after this many broken connections in a row without progress."""
_PAUSE_SECONDS = 0.5
"""Pause after a connection that made progress; it doubles with each one in a row that did not."""
_TIMEOUT_SECONDS = (20.0, 60.0)
"""Time limits (s) to connect, and between two bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDownload:
    """A partial download: `path`, which is locked, has the first bytes of a file, and `tag` has the file's ETag."""

    path: Path
    tag: Path

    @property
    def bytes(self) -> int:
        """The number of bytes downloaded so far."""
        return self.path.stat().st_size

    def restart(self) -> None:
        """Discard the downloaded bytes."""
        os.truncate(self.path, 0)
        self.tag.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete both files."""
        self.path.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def pull(row: ModelRow, target: Path, *, mirror: str | None = None, tell: Tell | None = None) -> bool:
    """Download the row's file to `target` and verify it. False if it was already there.

    The URL is `mirror`/FILE if there is a mirror, otherwise that of the row. If the environment names a proxy
    (HTTPS_PROXY, NO_PROXY, …), it is used. Raises ModelError if the file does not match the row, the row has no URL, or
    `target` is taken; StorageError if the file cannot be read or written; TransientError if trying again can help.
    """
    if target.is_file() and contradiction(target, row) is None:
        return False
    url = _below(mirror, row.file) if mirror else row.url
    if url is None:
        raise ModelError(f"the network {row.name!r} has no URL; put its file at {target}")
    _require_free(row, target)
    with _writing(target, row) as part:
        download = _Download(url=url, row=row, part=part, tell=tell or _silent)
        went_on = part.bytes > 0
        download.finish()
        if went_on and contradiction(part.path, row):  # perhaps it began with another file's bytes
            part.restart()
            download.finish()
        if problem := contradiction(part.path, row):
            raise download.wrong(problem)
        _require_free(row, target)
        part.path.replace(target)
        part.remove()
    return True


def _below(mirror: str, name: str) -> str:
    """The URL of a file on a mirror. The mirror's URL may have a query, such as a signature."""
    parts = urlsplit(mirror)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))


def _require_free(row: ModelRow, target: Path) -> None:
    """Raise ModelError if the row's file cannot be stored at `target`, or only by replacing something else."""
    if not row.file_is_bare:
        raise ModelError(
            f"{row.name}: only files in the models folder are pulled, but its row names {row.file!r}; "
            "put that file there yourself, or use a bare file name in the row"
        )
    if target.is_symlink() or target.exists():
        what = "is a link to a file that" if target.is_symlink() else "exists and"
        raise ModelError(f"{target} {what} does not match the row of {row.name}; move it away, then pull again")


def _silent(_there: int, _whole: int | None) -> None:
    """Do nothing."""


@contextmanager
def _writing(target: Path, row: ModelRow) -> Iterator[PartialDownload]:
    """The locked part of `target`. It is removed if it cannot be written, if it is wrong, or if it is empty.

    Raises StorageError if a link is in its place or it cannot be written, TransientError if another process locks it.
    """
    stem = f".{target.name}.{row.digest.removeprefix('md5:')[:12]}"
    part = PartialDownload(path=target.with_name(fitting(stem, ".part")), tag=target.with_name(fitting(stem, ".etag")))
    for link in filter(Path.is_symlink, (part.path, part.tag)):
        raise StorageError(f"{link} is a link, and its target would be overwritten; remove it, then pull again")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.path.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield part
            finally:
                if part.path.exists() and not part.bytes:
                    part.remove()
    except BlockingIOError as error:
        raise TransientError(f"{target.name} is being downloaded by another process") from error
    except ModelError:
        part.remove()
        raise
    except OSError as error:
        with suppress(OSError):
            part.remove()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(f"{target} cannot be written: {reason}; the download was discarded") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Download:
    """The download of a row's file from `url` into `part`; `tell` is called with the progress."""

    url: str
    row: ModelRow
    part: PartialDownload
    tell: Tell

    def wrong(self, problem: str) -> ModelError:
        """The error for a file that does not match the row."""
        return ModelError(
            f"{self.row.name} from {self.url} does not match the model table: {problem}; the download was discarded"
        )

    def finish(self) -> None:
        """Complete the part, with as many connections as needed while they make progress.

        Raises ModelError if the file has a wrong size, StorageError or OSError if it cannot be read or written, and
        TransientError if trying again can help.
        """
        import requests

        idle, furthest = 0, self.part.bytes
        while True:
            try:
                with requests.Session() as session:
                    self._once(session)
                return
            except requests.exceptions.SSLError as error:
                raise StorageError(f"{self.url} cannot be trusted: {error}") from error
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                idle, furthest = 0 if self.part.bytes > furthest else idle + 1, max(furthest, self.part.bytes)
                if idle >= _TRIES:
                    raise TransientError(
                        f"the download from {self.url} broke off: {error}; run it again, it resumes"
                    ) from error
                time.sleep(_PAUSE_SECONDS * 2**idle)
            except requests.RequestException as error:
                raise StorageError(f"{self.url} cannot be read: {error}") from error

    def _once(self, session: requests.Session) -> None:
        """One request for the missing bytes of the part."""
        if self.part.bytes > self._most:
            self.part.restart()
        there = self.part.bytes
        headers = {"Accept-Encoding": "identity"}  # uncompressed, because ranges count the file's own bytes
        if there:
            headers["Range"] = f"bytes={there}-"
            if self.part.tag.is_file():
                headers["If-Range"] = self.part.tag.read_text(encoding="ascii")
        with session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            if response.status_code == 416 and there:  # nothing is missing, or the part is from another file
                return
            _require(response, self.url)
            goes_on = response.status_code == 206
            if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                raise StorageError(f"{self.url} did not send the requested part")
            self._append(response, there if goes_on else 0)

    def _append(self, response: requests.Response, start: int) -> None:
        """Write the response after the first `start` bytes, but nothing beyond the row's size.

        Raises OSError if it cannot be written, ModelError if the file has a wrong size.
        """
        whole = self._announced(response, start)
        _remember(response, self.part)
        with self.part.path.open("r+b") as stream:
            stream.truncate(start)
            stream.seek(start)
            there = start
            for piece in response.iter_content(_PIECE):
                there += len(piece)
                if there > self._most:
                    raise self.wrong(f"it has more than {self._most} B")
                stream.write(piece)
                stream.flush()
                self.tell(there, whole)
            os.fsync(stream.fileno())

    def _announced(self, response: requests.Response, start: int) -> int | None:
        """The size of the file in B according to the response's header; None if the header does not state it.

        Raises ModelError if it does not match the row or is too large, OSError if the disk has too little space.
        """
        rest = whole_number(response.headers.get("Content-Length", ""))
        if rest is None:
            return None
        whole = start + rest
        if self.row.bytes and whole != self.row.bytes:
            raise self.wrong(f"it has {whole} B, its row says {self.row.bytes}")
        if shutil.disk_usage(self.part.path.parent).free < rest:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if whole > self._most:
            raise self.wrong(f"it has {whole} B, at most {self._most} are accepted")
        return whole

    @property
    def _most(self) -> int:
        return self.row.bytes or _MOST_BYTES


def _require(response: requests.Response, url: str) -> None:
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise TransientError(f"{url} answers {response.status_code} {response.reason}; try again later")
    if response.status_code not in (200, 206):
        raise StorageError(f"{url} answers {response.status_code} {response.reason}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise StorageError(f"{url} sent compressed bytes, which were not requested")


def _remember(response: requests.Response, part: PartialDownload) -> None:
    """Store the ETag, unless it is weak: a weak one does not identify exact bytes (RFC 9110, section 13.1.5)."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isascii():
        part.tag.write_text(tag, encoding="ascii")
    else:
        part.tag.unlink(missing_ok=True)
