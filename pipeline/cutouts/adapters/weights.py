"""Networks from the web: a file is fetched beside its place, continues where it broke off, is verified, then moved.

Only a verified file ever gets the network's name, and only if nothing has it: no other file is replaced. What a broken
connection leaves is a hidden `.part` file that the next try continues; a wrong digest, a wrong size or a full disk
leave nothing.
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
from cutouts.models import ModelRow, contradiction

if TYPE_CHECKING:
    import requests

Tell = Callable[[int, int | None], None]
"""Is told how many bytes are there, and how many there will be where that is known."""

_PIECE = 1 << 18
"""Bytes that are read at once."""
_MOST_BYTES = 1 << 34
"""Bytes that a network may have if its row does not say how many it has."""
_TRIES = 5
"""How often in a row a connection may break without getting further than any before."""
_PAUSE_SECONDS = 0.5
"""Pause after the first of them; each further one lasts twice as long."""
_TIMEOUT_SECONDS = (20.0, 60.0)
"""To connect, and between two bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDownload:
    """A file on its way: `path`, held locked, has its first bytes, `tag` the ETag of what they were part of."""

    path: Path
    tag: Path

    @property
    def bytes(self) -> int:
        """How much is there."""
        return self.path.stat().st_size

    def restart(self) -> None:
        """Forget what is there."""
        os.truncate(self.path, 0)
        self.tag.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)


def pull(row: ModelRow, target: Path, *, mirror: str | None = None, tell: Tell | None = None) -> bool:
    """Bring the row's file to `target`, verified; False if it was there already.

    From `mirror`/FILE if there is a mirror, else from the row's own URL; through a proxy where the environment names
    one (HTTPS_PROXY, NO_PROXY, …). Raises ModelError for a file that is not the row's, StorageError if it cannot be
    had or written, TransientError if trying again can help.
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
        if went_on and contradiction(part.path, row):  # perhaps the beginning was another file's
            part.restart()
            download.finish()
        if problem := contradiction(part.path, row):
            raise download.wrong(problem)
        _require_free(row, target)
        part.path.replace(target)
        part.remove()
    return True


def _below(mirror: str, name: str) -> str:
    """The URL of a file of a mirror, whose own URL may have a query (a signature)."""
    parts = urlsplit(mirror)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}"))


def _require_free(row: ModelRow, target: Path) -> None:
    """Nothing, or a ModelError if the row's file cannot be put at `target` without replacing something else."""
    if not row.file_is_bare:
        raise ModelError(
            f"{row.name}: only files in the models folder are pulled, but its row names {row.file!r}; "
            "put that file there yourself, or use a bare file name in the row"
        )
    if target.is_symlink() or target.exists():
        what = "is a link to a file that" if target.is_symlink() else "exists and"
        raise ModelError(f"{target} {what} does not match the row of {row.name}; move it away, then pull again")


def _silent(_there: int, _whole: int | None) -> None:
    """Tell nobody."""


@contextmanager
def _writing(target: Path, row: ModelRow) -> Iterator[PartialDownload]:
    """The part of `target`, ours alone; removed where the disk does not take it, and where it holds nothing."""
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
    """The file of a row on its way from `url` into `part`; `tell` is told how far it is."""

    url: str
    row: ModelRow
    part: PartialDownload
    tell: Tell

    def wrong(self, problem: str) -> ModelError:
        """The error for a file that is not the row's."""
        return ModelError(
            f"{self.row.name} from {self.url} does not match the model table: {problem}; the download was discarded"
        )

    def finish(self) -> None:
        """Bring the part to its end, over as many connections as it takes while they get further."""
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
        """One request, for what is missing of the part."""
        if self.part.bytes > self._most:
            self.part.restart()
        there = self.part.bytes
        headers = {"Accept-Encoding": "identity"}  # the bytes of the file themselves, so that ranges count them
        if there:
            headers["Range"] = f"bytes={there}-"
            if self.part.tag.is_file():
                headers["If-Range"] = self.part.tag.read_text(encoding="ascii")
        with session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
            if response.status_code == 416 and there:  # nothing is missing, or it was never this file
                return
            _require(response, self.url)
            goes_on = response.status_code == 206
            if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                raise StorageError(f"{self.url} did not send the requested part")
            self._append(response, there if goes_on else 0)

    def _append(self, response: requests.Response, start: int) -> None:
        """Write what comes behind the first `start` bytes. OSError if the disk does not take it, ModelError if it is
        not the file by its size; nothing beyond the row's bytes is written."""
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
        """How many bytes the file has by the answer's header, once that fits the row and the disk."""
        length = response.headers.get("Content-Length")
        if not (length and length.isdecimal()):
            return None
        whole = start + int(length)
        if self.row.bytes and whole != self.row.bytes:
            raise self.wrong(f"it has {whole} B, its row says {self.row.bytes}")
        if shutil.disk_usage(self.part.path.parent).free < int(length):
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
    """Keep the ETag; a weak one says nothing of single bytes (RFC 9110, section 13.1.5)."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isascii():
        part.tag.write_text(tag, encoding="ascii")
    else:
        part.tag.unlink(missing_ok=True)
