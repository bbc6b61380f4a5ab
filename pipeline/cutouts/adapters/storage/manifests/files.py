"""Finds the files of a manifest, and the day that their folder names state."""

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
from cutouts.core.manifests.structure import DATE
from cutouts.core.sources.locations import SCHEMES, WEB_SCHEMES, Location

_KEY = re.compile(r"(?P<name>[^/=]+)=(?P<value>[^/]*)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NULL = "__HIVE_DEFAULT_PARTITION__"
"""The value in the folder name for rows without a day, as Hive and Spark write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestLocation:
    """Where a manifest is: a file, or a folder of files."""

    fs: Any
    path: str
    is_folder: bool

    @property
    def root(self) -> str:
        """The folder of the manifest, or the folder that contains its file."""
        if self.is_folder:
            return self.path
        path = self.path if is_local(self.fs) else self.path.partition("?")[0]
        return path.rpartition("/")[0]

    @property
    def base(self) -> str:
        """The base of relative URIs: the folder of the file or of the dataset, above its folders by day."""
        parts = self.root.split("/")
        keys = _keys_at_end(parts)
        above = "/".join(parts[: len(parts) - len(keys)] if DATE in [name for name, _ in keys] else parts)
        return f"{above if is_local(self.fs) else self.fs.unstrip_protocol(above)}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One file: its path, its size in bytes, and the day that its folders state.

    `name` is its path in the manifest, as printable text; it is empty if the manifest is that file.
    `states_day` is whether it is in a folder `date=…`; `day` is None if there is no such folder or if it means null.
    `keys` are the names of all such folders that contain it: `date` of `date=…`, `category` of `category=…`.
    `problems` say in words why the file cannot be a part.
    """

    path: str
    name: str
    size: int
    states_day: bool = False
    day: date | None = None
    keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def place_of(url: str) -> ManifestLocation:
    """The location of a path or URL. Raises ValueError or ImportError if its scheme cannot be read."""
    scheme = url.partition("://")[0].lower() if SCHEME.match(url) else "file"
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme}:// is not supported; expected a path, {', '.join(f'{one}://' for one in SCHEMES)}")
    fs, path = file_system(url)
    return ManifestLocation(fs=fs, path=path, is_folder=scheme not in WEB_SCHEMES and bool(fs.isdir(path)))


def manifest_folder(url: str) -> str:
    """The base of a manifest's relative URIs, as an absolute path or a URL that ends in a slash.

    It is the folder of a file, or the folder of a dataset. A folder `date=YYYY-MM-DD` is part of its dataset, so that a
    row means the same image if the dataset, one of its days or a file of that day is given.
    """
    return place_of(url).base


def allowed_by(url: str) -> tuple[str, ...]:
    """The source that a manifest allows by itself: its own folder.

    Empty if the manifest is at the top of the disk, or in a store from which photographs are not read.
    """
    try:
        folder = manifest_folder(url)
        if folder.startswith("/"):
            return (f"{Path(folder).as_uri()}/",) if folder != "/" else ()
        return (str(Location.parse(folder)),)
    except ValueError:
        return ()


def find_parts(place: ManifestLocation) -> list[FoundFile]:
    """The files of a manifest by name: its only file, or all `.parquet` files below the folder that are not hidden."""
    if not place.is_folder:
        return [_found(place, place.path, "", *_size(place.fs, place.path))]
    parts = [_found(place, path, path[len(place.path) + 1 :], *about) for path, about in _below(place)]
    return sorted(parts, key=lambda part: part.name)


def written(fs: Any, path: str) -> date:
    """The day, in UTC, on which a file was written, but not a day to come: that would count as later than all
    deliveries until then. Raises ValueError if its store does not report it."""
    try:
        moment: datetime = fs.modified(path)
    except NotImplementedError:
        words = f"it states no day, and its store does not say when it was written: add a column {DATE}"
        raise ValueError(words) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(moment.astimezone(UTC), datetime.now(UTC)).date()


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
    return FoundFile(
        path=path,
        name=shown,
        size=size,
        states_day=bool(stated),
        day=day,
        keys=tuple(key for key, _ in keys),
        problems=tuple(problems),
    )


def _below(place: ManifestLocation) -> Iterator[tuple[str, tuple[int, str]]]:
    if is_local(place.fs):
        for path in _walk(place.path):
            if is_manifest_file(path[len(place.path) + 1 :]):
                yield path, _size(place.fs, path)
    else:
        for path, info in place.fs.find(place.path, detail=True).items():
            if is_manifest_file(path[len(place.path) + 1 :]):
                yield path, (info["size"] or 0, "")


def _walk(folder: str) -> Iterator[str]:
    """Every file below a local folder. A folder that is also reached by links is visited only once. Raises OSError if
    one cannot be listed, because a part of a delivery must not count as all of it."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        seen.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(f"{parent}/{name}") not in seen]
        yield from (f"{parent}/{name}" for name in files)


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # removed meanwhile
        raise error


def _size(fs: Any, path: str) -> tuple[int, str]:
    """A file's size in bytes, and why it cannot be read (empty if it can)."""
    if not is_local(fs):
        size = fs.info(path)["size"]
        return (size, "") if size is not None else (0, "the server does not report its size")
    found = os.stat(path)  # noqa: PTH116
    return found.st_size, "" if stat.S_ISREG(found.st_mode) else "not a regular file"


def is_manifest_file(name: str) -> bool:
    """Whether a path in the manifest is a part: a Parquet file that is not hidden or unfinished."""
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
