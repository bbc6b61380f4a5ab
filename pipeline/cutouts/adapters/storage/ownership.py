"""Recognises our own files: only these are ever replaced, and they are never used as sources.

A folder into which we write has a marker. It states its folder, the names in it that are ours, and the digests of pages
and figures that we wrote. So a marker that was copied to another folder is not valid, and a file that somebody changed
is not ours any more. Other files are recognised by their content: a picture by its mark, a table by its seal and by
the name in its schema.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote_to_bytes

from cutouts.adapters.storage.atomic_files import explained, locked, replacing, write_file
from cutouts.adapters.storage.places import Places
from cutouts.adapters.storage.seal import SealedFile
from cutouts.core.errors import OutputError
from cutouts.core.file_mark import MARK_BYTES, has_mark_at_end, mark_of
from cutouts.core.sources.locations import url_of

MARKER = ".cutouts"
"""The name of the file that lists the files which cutouts writes into its folder."""
_HEAD = "# cutouts writes these into this folder, and its next run replaces them.\n"
_FOLDER = "# folder "
"""The beginning of the line in a marker that states its folder."""
_ROOTS = 256
"""Inodes up to this number are roots of file systems, which have the same number on every disk."""
_MOST_BYTES = 1 << 20
"""At most this many bytes of a marker are read."""
_DIGESTED = frozenset({".html", ".json", ".jsonl", ".md", ".csv", ".svg", ".tsv", ".xml"})
"""Suffixes of files that `write_ours` writes. They are ours only while they are unchanged."""
_MARKED = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif"})
"""Suffixes of pictures that contain our mark."""
_NO_DIGEST = "-"
_NAMED = 5
"""One error lists at most this many names."""


def owned(folder: Path) -> frozenset[str]:
    """The names in a folder that are ours according to its marker; none if it has no marker, or another folder's."""
    return frozenset(_Marker.of(folder).digests)


def mark(file: Path) -> str | None:
    """The mark of a picture that we wrote, with any suffix; None for any other file."""
    if not file.is_file():
        return None
    beginning = _beginning(file, MARK_BYTES)
    return mark_of(beginning, _end(file, MARK_BYTES) if has_mark_at_end(beginning) else b"")


def is_ours(file: Path, table: str = "") -> bool:
    """Whether we wrote this file and it is unchanged. A Parquet file must contain the table of that name."""
    suffix = file.suffix.lower()
    if not file.is_file():
        return False
    if suffix == ".parquet":
        return bool(table) and _sealed_table(file) == table.encode()
    if suffix in _MARKED:
        return mark(file) is not None
    return suffix in _DIGESTED and _digest(file) in _Marker.of(file.parent).digests.get(file.name, ())


def claim(folder: Path, names: Iterable[str]) -> None:
    """Make the folder if it is missing, and mark `names` in it as ours. Raises OutputError if one is not ours, or if
    the folder is a URL or a file, and StorageError if it cannot be written.

    The marker is written before anything else, so that a run can be repeated if it was killed at any moment.
    """
    require_no_url(folder)
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _marking(folder):
            _claim(folder, tuple(names))


def _claim(folder: Path, names: Sequence[str]) -> None:
    marker = _Marker.of(folder)
    taken = [name for name in names if os.path.lexists(folder / name) and not marker.proves(folder / name)]
    if taken:
        copied = f" ({MARKER} there is another folder's)" if marker.elsewhere else ""
        raise OutputError(
            f"{folder} holds {_listed(taken)}, which would be replaced, but was not made by cutouts or was changed "
            f"since{copied}; name another folder, or move it away"
        )
    if set(names) - marker.digests.keys():
        _write_marker(folder, marker, dict.fromkeys(names, frozenset[str]()) | marker.digests)


def write_ours(file: Path, data: bytes) -> None:
    """Write a page or figures whole, with their digest in the marker of their folder. Raises OutputError or OSError.

    The caller checks before, with `claim` or `require_free`, whether the file may be replaced.
    """
    with writing_ours(file) as stream:
        stream.write(data)


@contextmanager
def writing_ours(file: Path) -> Iterator[io.RawIOBase]:
    """A stream for `write_ours`: its content replaces the file if the block ends without an error."""
    with ExitStack() as stack, replacing(file) as stream:
        digesting = _Digesting(stream)
        yield digesting
        stack.enter_context(_marking(file.parent))  # until the file is replaced
        _remember(file, digesting.digest.hexdigest())


def _marking(folder: Path) -> AbstractContextManager[None]:
    """Only one at a time, of all processes, changes the marker of a folder: it adds to what the others wrote."""
    return locked(folder / f"{MARKER}.lock")


class _Digesting(io.RawIOBase):
    """Computes the SHA-256 of what is written to another stream."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._stream.write(data)


def _remember(file: Path, digest: str) -> None:
    """Add the digest of what the file will contain to the marker, beside that of what it contains now."""
    marker = _Marker.of(file.parent)
    before = marker.digests.get(file.name, frozenset()) & {_digest(file)}
    here = {name: digests for name, digests in marker.digests.items() if not digests or (file.parent / name).exists()}
    _write_marker(file.parent, marker, here | {file.name: before | {digest}})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marker:
    """The marker of a folder: the `digests` by listed name, empty for names that are listed without a digest.

    It lists nothing if it is not a valid marker (`foreign`), or if it is another folder's (`elsewhere`).
    """

    digests: dict[str, frozenset[str]]
    elsewhere: bool = False
    foreign: bool = False

    @classmethod
    def of(cls, folder: Path) -> _Marker:
        """The marker of a folder, or one that lists nothing."""
        file = folder / MARKER
        if file.is_symlink() or not file.is_file():
            return cls(digests={}, foreign=os.path.lexists(file))
        head, *lines = _beginning(file, _MOST_BYTES).decode("ascii", "replace").splitlines(keepends=True) or [""]
        if head != _HEAD:
            return cls(digests={}, foreign=True)
        if not lines or not _is_here(lines[0], folder):
            return cls(digests={}, elsewhere=True)
        digests = dict[str, frozenset[str]]()
        for line in lines[1:]:
            digest, _, name = line.strip().partition(" ")
            known = frozenset() if digest == _NO_DIGEST else frozenset({digest})
            key = os.fsdecode(unquote_to_bytes(name))
            digests[key] = digests.get(key, frozenset()) | known
        return cls(digests=digests)

    def proves(self, path: Path) -> bool:
        """Whether the file or folder at `path`, in the folder of this marker, is ours."""
        if path.is_symlink() or path.name not in self.digests:
            return False
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            return _sealed_table(path) is not None
        return suffix not in _DIGESTED or _digest(path) in self.digests[path.name]


def _is_here(line: str, folder: Path) -> bool:
    """Whether this line of a marker means this folder, which may have been moved as a whole."""
    said, here = line.split(), _bound_to(folder).split()
    moved = said[2:3] == here[2:3] and int(here[2]) > _ROOTS
    return said[:2] == here[:2] and (moved or said[3:] == here[3:])


def _bound_to(folder: Path) -> str:
    path = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return f"{_FOLDER}{folder.stat().st_ino} {path}\n"


def _write_marker(folder: Path, marker: _Marker, digests: Mapping[str, frozenset[str]]) -> None:
    if marker.foreign:
        raise OutputError(
            f"{folder / MARKER} is not a valid marker of cutouts: name another folder, or move the file away",
        )
    lines = [
        f"{digest} {quote(os.fsencode(name))}\n"
        for name, known in sorted(digests.items())
        for digest in sorted(known) or [_NO_DIGEST]
    ]
    with explained(folder):
        write_file(folder / MARKER, "".join([_HEAD, _bound_to(folder), *lines]).encode("ascii"))


def require_no_url(output: Path) -> None:
    """Raise OutputError if the path is a URL, which would become a folder named `s3:` here."""
    if (url := url_of(output)) is not None:
        raise OutputError(f"{url} is a URL: name a folder or file of this machine; stores are settings of a site")


def require_free(outputs: Iterable[Path], inputs: Sequence[Path] = (), *, table: str = "") -> None:
    """Raise OutputError if writing the files `outputs` would replace one of `inputs`, or anything that is not ours.

    An input is recognised under any name: another path, a link, different letter case.
    """
    places = Places.of(inputs)
    problems = []
    for output in outputs:
        if (source := places.same(output)) is not None:
            problems.append(f"{output} is {source}, which is an input" if source != output else f"{output} is an input")
        elif (url := url_of(output)) is not None:
            problems.append(f"{url} is a URL, and not a file of this machine")
        elif (kind := _kind(output)) is not None:
            problems.append(f"{output} is a {kind}")
        elif os.path.lexists(output) and not is_ours(output, table):
            problems.append(f"{output} exists and was not made by cutouts")
    if problems:
        raise OutputError(f"nothing was written: {_listed(problems, '; ')}; name another output, or move it away")


def _kind(path: Path) -> str | None:
    """The word link or folder if the path is one. None for anything else, and for a name that the system rejects."""
    try:
        status = path.lstat().st_mode
    except OSError:
        return None
    return "link" if stat.S_ISLNK(status) else "folder" if stat.S_ISDIR(status) else None


def _beginning(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(size)
    except OSError:
        return b""


def _end(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - size))
            return stream.read(size)
    except OSError:
        return b""


def _digest(file: Path) -> str | None:
    """The SHA-256 of a regular file; None for anything else, or if it cannot be read."""
    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _sealed_table(file: Path) -> bytes | None:
    """The name of the table in a Parquet file, empty if it has none; None if `write_table` did not write the file."""
    import pyarrow as pa  # only tables need it, and it loads slowly
    import pyarrow.parquet as pq

    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream:
            metadata = pq.read_schema(SealedFile(stream)).metadata
    except (OSError, pa.ArrowException):
        return None
    return bytes((metadata or {}).get(b"table", b""))


def _listed(words: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return between.join(words[:_NAMED]) + more
