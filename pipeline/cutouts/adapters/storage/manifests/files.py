"""Finds the files of a manifest, and the day that the names of their folders state."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fsspec.implementations.local import LocalFileSystem

from cutouts.adapters.storage.store import SCHEME, file_system
from cutouts.core.manifests.conversion import DATE
from cutouts.core.sources.locations import SCHEMES, WEB_SCHEMES, Location

_KEY = re.compile(r"(?P<name>[^/=]+)=(?P<value>[^/]*)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NULL = "__HIVE_DEFAULT_PARTITION__"
"""How Hive and Spark name the folder of the rows whose day is null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLocation:
    """Where a manifest lies: a file, or a folder of files. `root` is the folder, or the one that the file is in."""

    fs: Any
    path: str
    is_folder: bool

    @property
    def root(self) -> str:
        """The folder that holds the files."""
        if self.is_folder:
            return self.path
        path = self.path if is_local(self.fs) else self.path.partition("?")[0]
        return path.rpartition("/")[0]

    @property
    def base(self) -> str:
        """Where relative URIs start: the folder of the file or the dataset's own, above its folders by day."""
        parts = self.root.split("/")
        keys = _keys_at_end(parts)
        above = "/".join(parts[: len(parts) - len(keys)] if DATE in [name for name, _ in keys] else parts)
        return f"{above if is_local(self.fs) else self.fs.unstrip_protocol(above)}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One file: where it is, its size in bytes, and what its folders state.

    `name` is its path within the manifest, as text that can be shown; empty if the manifest is that file.
    `states_day` is whether a folder of it is called `date=…`; `day` is None if that one stands for null, too.
    `problems` say, in words, why it cannot be a part.
    """

    path: str
    name: str
    size: int
    states_day: bool = False
    day: date | None = None
    problems: tuple[str, ...] = ()


def place_of(url: str) -> ManifestLocation:
    """The place that a path or URL names. Raises ValueError or ImportError for a scheme that cannot be read."""
    scheme = url.partition("://")[0].lower() if SCHEME.match(url) else "file"
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme}:// is not supported; expected a path, {', '.join(f'{one}://' for one in SCHEMES)}")
    fs, path = file_system(url)
    return ManifestLocation(fs=fs, path=path, is_folder=scheme not in WEB_SCHEMES and bool(fs.isdir(path)))


def manifest_folder(url: str) -> str:
    """Where relative URIs of a manifest start, as an absolute path or a URL that ends in a slash.

    It is the folder of a file, or a dataset's own folder. A folder `date=YYYY-MM-DD` is part of its dataset, so that a
    row means the same image whether the dataset, a day of it or a file of that day is named.
    """
    return place_of(url).base


def allowed_by(url: str) -> tuple[str, ...]:
    """The allowed source that a manifest is by itself: its own folder.

    Nothing is allowed by one that is at the top of the disk, or in a store that photographs are not read from.
    """
    try:
        folder = manifest_folder(url)
        if folder.startswith("/"):
            return (f"{Path(folder).as_uri()}/",) if folder != "/" else ()
        return (str(Location.parse(folder)),)
    except ValueError:
        return ()


def find_parts(place: ManifestLocation) -> list[FoundFile]:
    """The files of a manifest by name: the one, or all below the folder that end in `.parquet` and are not hidden."""
    if not place.is_folder:
        return [_found(place, place.path, "", *_size(place.fs, place.path))]
    parts = [_found(place, path, path[len(place.path) + 1 :], *about) for path, about in _below(place)]
    return sorted(parts, key=lambda part: part.name)


def written(fs: Any, path: str) -> date:
    """The day, in UTC, on which a file was written. Raises ValueError if its store does not say."""
    try:
        moment: datetime = fs.modified(path)
    except NotImplementedError:
        words = f"it states no day, and its store does not say when it was written: add a column {DATE}"
        raise ValueError(words) from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).date()


def is_local(fs: Any) -> bool:
    """Whether the files are on this machine."""
    return isinstance(fs, LocalFileSystem)


def _found(place: ManifestLocation, path: str, name: str, size: int, problem: str = "") -> FoundFile:
    keys = [*_keys_at_end(place.root.split("/")), *_keys(name.split("/")[:-1])]
    stated = {value for key, value in keys if key == DATE}
    problems = [problem] if problem else []
    problems += [f"its folder {key}={value}: did you mean {DATE}=?" for key, value in keys if _resembles(key)]
    if len(stated) > 1:
        problems.append(f"its folders name several days: {', '.join(sorted(stated))}")
    day = None
    for value in stated - {_NULL}:
        day = _day(value)
        if day is None:
            problems.append(f"its folder names no day: {DATE}={value} instead of {DATE}=YYYY-MM-DD")
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return FoundFile(path=path, name=shown, size=size, states_day=bool(stated), day=day, problems=tuple(problems))


def _below(place: ManifestLocation) -> Iterator[tuple[str, tuple[int, str]]]:
    if is_local(place.fs):
        for path in _walk(place.path):
            if is_part(path[len(place.path) + 1 :]):
                yield path, _size(place.fs, path)
    else:
        for path, info in place.fs.find(place.path, detail=True).items():
            if is_part(path[len(place.path) + 1 :]):
                yield path, (info["size"] or 0, "")


def _walk(folder: str) -> Iterator[str]:
    """Every file below a folder of this machine; a folder that links lead to again is walked once."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(f"{parent}/{name}") not in seen]
        yield from (f"{parent}/{name}" for name in files)


def _size(fs: Any, path: str) -> tuple[int, str]:
    """A file's size in bytes, and why it cannot be read if it is none."""
    if not is_local(fs):
        size = fs.info(path)["size"]
        return (size, "") if size is not None else (0, "the server does not report its size")
    found = os.stat(path)  # noqa: PTH116
    return found.st_size, "" if stat.S_ISREG(found.st_mode) else "not a regular file"


def is_part(name: str) -> bool:
    """Whether a file is a part by its path in the manifest: not one that is hidden or unfinished."""
    return name.lower().endswith(".parquet") and not any(part.startswith((".", "_")) for part in name.split("/"))


def _keys(folders: list[str]) -> list[tuple[str, str]]:
    found = (_KEY.fullmatch(folder) for folder in folders)
    return [(key["name"], unquote(key["value"])) for key in found if key]


def _keys_at_end(folders: list[str]) -> list[tuple[str, str]]:
    begin = len(folders)
    while begin and _KEY.fullmatch(folders[begin - 1]):
        begin -= 1
    return _keys(folders[begin:])


def _resembles(key: str) -> bool:
    return key != DATE and key.strip().lower() == DATE


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
