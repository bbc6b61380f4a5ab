"""What is ours: only that is ever replaced, and it is never a source.

A folder that we fill has a marker that lists what in it is ours. A single file proves itself: a PNG by its mark, a page
by its generator, a table by the name in its schema, figures by their first line.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cutouts.adapters.storage.store import write_file
from cutouts.core.errors import OutputError
from cutouts.core.png_mark import MARK_BYTES, mark_of

MARKER = ".cutouts"
"""A file of this name lists what cutouts writes into its folder."""
_HEAD = "# cutouts writes these into this folder, and its next run replaces them.\n"
_GENERATOR = b'<meta name="generator" content="cutouts">'
_BEGINNINGS = {".csv": b"images,network,name,", ".md": b"## All sets\n"}
"""How figures begin that `cutouts evaluate` wrote."""
_MOST_NAMES = 100
"""Lines of a marker that are read."""
_NAMED = 5
"""So many names are told in one error."""


def owned(folder: Path) -> frozenset[str]:
    """The names in a folder that are ours by its marker; none in a folder without one."""
    marker = folder / MARKER
    if marker.is_symlink() or not marker.is_file():
        return frozenset()
    head, *names = _beginning(marker).decode("utf-8", "replace").splitlines(keepends=True)[:_MOST_NAMES] or [""]
    return frozenset(name.strip() for name in names) if head == _HEAD else frozenset()


def mark(file: Path) -> str | None:
    """The mark of a cutout or a matte that we wrote, whatever its suffix; None for any other file."""
    return mark_of(_beginning(file)) if file.is_file() else None


def is_ours(file: Path, table: str = "") -> bool:
    """Whether we wrote this file; a Parquet file has to hold the table of that name."""
    suffix = file.suffix.lower()
    if not file.is_file():
        return False
    if suffix == ".parquet":
        return bool(table) and _table_in(file) == table.encode()
    beginning = _beginning(file)
    if suffix == ".png":
        return mark_of(beginning) is not None
    if suffix == ".html":
        return _GENERATOR in beginning
    return suffix in _BEGINNINGS and beginning.startswith(_BEGINNINGS[suffix])


def claim(folder: Path, names: Iterable[str]) -> None:
    """Make the folder if it is missing, and mark `names` in it as ours. Raises OutputError if one is there and is not.

    The marker is written before anything else, so that a run that is killed at any moment can be run again.
    """
    ours = owned(folder)
    new = [name for name in names if name not in ours]
    taken = [name for name in new if os.path.lexists(folder / name)]
    if taken:
        raise OutputError(
            f"{folder} holds {_listed(taken)}, which would be replaced and was not made by cutouts; "
            "name another folder, or move it away"
        )
    if not ours and os.path.lexists(folder / MARKER):
        raise OutputError(f"{folder / MARKER} is not a marker of cutouts: name another folder, or move it away")
    if new:
        write_file(folder / MARKER, "".join([_HEAD, *(f"{name}\n" for name in sorted({*ours, *new}))]).encode())


def require_free(outputs: Iterable[Path], inputs: Sequence[Path] = (), *, table: str = "") -> None:
    """Nothing, or an OutputError if writing the files `outputs` would replace one of `inputs`, or what is not ours.

    An input is recognised by whatever name: another path, a link, other letter case.
    """
    places = Places.of(inputs)
    problems = []
    for output in outputs:
        if (source := places.same(output)) is not None:
            problems.append(f"{output} is {source}, which is read" if source != output else f"{output} is read")
        elif (kind := _kind(output)) is not None:
            problems.append(f"{output} is a {kind}")
        elif os.path.lexists(output) and not is_ours(output, table):
            problems.append(f"{output} exists and was not made by cutouts")
    if problems:
        raise OutputError(f"nothing was written: {_listed(problems, '; ')}; name another output, or move it away")


@dataclass(frozen=True, slots=True)
class Places:
    """Files and folders by what they are on disk, whatever their path says."""

    by_identity: dict[tuple[int, int], Path]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Places:
        """Those of `paths` that are there."""
        return cls({identity: path for path in paths if (identity := _identity(path)) is not None})

    def same(self, path: Path) -> Path | None:
        """The one of them that `path` is or leads to."""
        identity = _identity(path)
        return None if identity is None else self.by_identity.get(identity)


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path, which need not exist, is the folder or is below it, also by another name of the folder."""
    places = Places.of([folder])
    whole = path.resolve()
    return any(places.same(one) is not None for one in (whole, *whole.parents))


def _kind(path: Path) -> str | None:
    """What is there instead of a file: a link or a folder. None also for a name that the system does not take."""
    try:
        status = path.lstat().st_mode
    except OSError:
        return None
    return "link" if stat.S_ISLNK(status) else "folder" if stat.S_ISDIR(status) else None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MARK_BYTES)
    except OSError:
        return b""


def _table_in(file: Path) -> bytes | None:
    try:
        metadata = pq.read_schema(file).metadata
    except (OSError, pa.ArrowException):
        return None
    found: bytes | None = (metadata or {}).get(b"table")
    return found


def _listed(words: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return between.join(words[:_NAMED]) + more
