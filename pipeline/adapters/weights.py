"""Networks from the web: a file is fetched beside its place, goes on where it broke off, is verified, then moved.

Only a verified file ever stands under the network's name. What a broken connection leaves is a hidden `.part` file
that the next try goes on with; a wrong digest or a disk that is full leave nothing.
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

from pipeline.core.errors import ModelError, StorageError, TransientError
from pipeline.models import ModelRow, contradiction

if TYPE_CHECKING:
    import requests

Tell = Callable[[int, int | None], None]
"""Is told how many bytes are there, and how many there will be where that is known."""

_PIECE = 1 << 18
"""Bytes that are read at once."""
_TRIES = 5
"""How often in a row a connection may break without getting further than any before."""
_PAUSE_SECONDS = 0.5
"""Pause after the first of them; each further one lasts twice as long."""
_TIMEOUT_SECONDS = (20.0, 60.0)
"""To connect, and between two bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
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
    """Bring the row's file to `target`, verified; False where it was there already.

    From `mirror`/FILE where there is a mirror, else from the row's own URL; through a proxy where the environment names
    one (HTTPS_PROXY, NO_PROXY, …). Raises ModelError for a file that is not the row's, StorageError where it cannot be
    had or written, TransientError where trying again can help.
    """
    if target.is_file() and contradiction(target, row) is None:
        return False
    url = f"{mirror.rstrip('/')}/{row.file}" if mirror else row.url
    if url is None:
        raise ModelError(f"the network {row.name!r} is published nowhere; its file belongs at {target}")
    with _writing(target, row) as part:
        went_on = part.bytes > 0
        _fetch(url, part, tell or _silent)
        if went_on and contradiction(part.path, row):  # perhaps the beginning was another file's
            part.restart()
            _fetch(url, part, tell or _silent)
        if problem := contradiction(part.path, row):
            part.remove()
            raise ModelError(f"what {url} gives is not {row.name}: {problem}; nothing was kept")
        part.path.replace(target)
        part.remove()
    return True


def _silent(_there: int, _whole: int | None) -> None:
    """Tell nobody."""


@contextmanager
def _writing(target: Path, row: ModelRow) -> Iterator[Part]:
    """The part of `target`, ours alone; removed where the disk does not take it, and where it holds nothing."""
    stem = f".{target.name}.{row.digest.removeprefix('md5:')[:12]}"
    part = Part(path=target.with_name(f"{stem}.part"), tag=target.with_name(f"{stem}.etag"))
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
        raise TransientError(f"{target.name} is being pulled by another process just now") from error
    except StorageError:
        raise
    except OSError as error:
        with suppress(OSError):
            part.remove()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(f"{target} cannot be written: {reason}; nothing was kept") from error


def _fetch(url: str, part: Part, tell: Tell) -> None:
    """Bring the part to its end, over as many connections as it takes while they get further."""
    import requests

    idle, furthest = 0, part.bytes
    while True:
        try:
            with requests.Session() as session:
                _once(session, url, part, tell)
            return
        except requests.exceptions.SSLError as error:
            raise StorageError(f"{url} cannot be trusted: {error}") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            idle, furthest = 0 if part.bytes > furthest else idle + 1, max(furthest, part.bytes)
            if idle >= _TRIES:
                raise TransientError(f"{url} breaks off: {error}; run it again, it goes on where it was") from error
            time.sleep(_PAUSE_SECONDS * 2**idle)
        except requests.RequestException as error:
            raise StorageError(f"{url} cannot be read: {error}") from error


def _once(session: requests.Session, url: str, part: Part, tell: Tell) -> None:
    """One request, for what is missing of the part."""
    there = part.bytes
    headers = {"Accept-Encoding": "identity"}  # the bytes of the file themselves, so that ranges count them
    if there:
        headers["Range"] = f"bytes={there}-"
        if part.tag.is_file():
            headers["If-Range"] = part.tag.read_text(encoding="ascii")
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
        if response.status_code == 416 and there:  # nothing is missing, or it was never this file
            return
        _require(response, url)
        goes_on = response.status_code == 206
        if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            raise StorageError(f"{url} answers with another part than was asked for")
        _append(response, part, tell, there if goes_on else 0)


def _require(response: requests.Response, url: str) -> None:
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise TransientError(f"{url} answers {response.status_code} {response.reason}; try again later")
    if response.status_code not in (200, 206):
        raise StorageError(f"{url} answers {response.status_code} {response.reason}")


def _append(response: requests.Response, part: Part, tell: Tell, start: int) -> None:
    """Write what comes behind the first `start` bytes. OSError where the disk does not take it."""
    length = response.headers.get("Content-Length")
    missing = int(length) if length and length.isdecimal() else None
    if missing is not None and shutil.disk_usage(part.path.parent).free < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _remember(response, part)
    whole = None if missing is None else start + missing
    with part.path.open("r+b") as stream:
        stream.truncate(start)
        stream.seek(start)
        there = start
        for piece in response.iter_content(_PIECE):
            stream.write(piece)
            stream.flush()
            there += len(piece)
            tell(there, whole)
        os.fsync(stream.fileno())


def _remember(response: requests.Response, part: Part) -> None:
    """Keep the ETag; a weak one says nothing of single bytes (RFC 9110, section 13.1.5)."""
    tag = response.headers.get("ETag", "")
    if tag.startswith('"') and tag.isascii():
        part.tag.write_text(tag, encoding="ascii")
    else:
        part.tag.unlink(missing_ok=True)
