"""Opens manifests: one Parquet file, or a folder of them, by day if their folders are named `date=YYYY-MM-DD`.

Each file (a *part*) is checked and converted to the manifest's columns separately, so that no part affects another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from cutouts.adapters.storage.manifests.errors import of_file, reading, unreadable, unusable
from cutouts.adapters.storage.manifests.files import FoundFile, ManifestLocation, find_parts, place_of, written
from cutouts.adapters.storage.manifests.footers import (
    Footer,
    check_rows,
    check_unpacked,
    read_footer,
)
from cutouts.adapters.storage.manifests.rows import Manifest, ManifestFile
from cutouts.adapters.storage.manifests.thrift import ParquetError
from cutouts.adapters.storage.parallel import in_parallel
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.structure import DATE, SCOPE, check_structure
from cutouts.schemas.tables import MANIFEST

MAX_FILES = 10_000
"""Most files of one manifest."""


def open_manifest(url: str, *, day: date | None = None) -> Manifest:
    """Open a manifest. Only the footer of each part is read, and no rows.

    With a `day`, parts whose folder names another day are left out. Raises ManifestError with every problem of every
    part: files that cannot be read, wrong columns, sizes beyond the limits.
    """
    with reading(url):
        place = place_of(url)
        found = [one for one in find_parts(place) if not (one.states_day and day and one.day not in (day, None))]
        if place.is_folder and not found and day is None:
            raise unreadable(url, ["there is no Parquet file in that folder"])
        if len(found) > MAX_FILES:
            raise unreadable(url, [f"{len(found):,} files; at most {MAX_FILES:,} are allowed"])
    footers = _footers(url, place, found)
    with reading(url):
        check_rows(footers)
    if problems := [*_structure(found, footers), *_without_day(found, footers)]:
        raise unusable(url, problems)
    with reading(url):
        return Manifest(url=url, base=place.base, parts=_parts(place, found, footers), fs=place.fs)


def _footers(url: str, place: ManifestLocation, found: Sequence[FoundFile]) -> list[Footer]:
    """The footer of each file. Raises ManifestError with the problems of all files whose footer cannot be read."""

    def read(one: FoundFile) -> Footer | ManifestError:
        try:
            with reading(url, one.name):
                if one.problems:
                    raise ParquetError("; ".join(one.problems))
                with place.fs.open(one.path, "rb") as stream:
                    footer = read_footer(stream, one.size)
                check_unpacked(footer, footer.unpacked([*MANIFEST.names, DATE, SCOPE]))
                return footer
        except ManifestError as error:
            return error

    results = list(in_parallel(read, found))
    problems = [problem for one in results if isinstance(one, ManifestError) for problem in one.problems]
    if problems:
        raise unreadable(url, problems)
    return [one for one in results if isinstance(one, Footer)]


def _structure(found: Sequence[FoundFile], footers: Sequence[Footer]) -> Iterator[str]:
    for one, footer in zip(found, footers, strict=True):
        problems = (*check_structure(footer.schema, rows=footer.rows), *_only_in_folders(one, footer))
        yield from (of_file(one.name, problem) for problem in problems)


def _only_in_folders(one: FoundFile, footer: Footer) -> Iterator[str]:
    """Columns that only the names of folders state. If they were ignored silently, their values would be lost."""
    for key in one.keys:
        if key in {*MANIFEST.names, SCOPE}.difference(footer.schema.names):
            yield f"its folder {key}=… states this column, and is not read: write the column into the file"


def _without_day(found: Sequence[FoundFile], footers: Sequence[Footer]) -> Iterator[str]:
    """A problem for each part that states no day although others do."""
    stated = [one.states_day or DATE in footer.schema.names for one, footer in zip(found, footers, strict=True)]
    if any(stated):
        words = f"it states no day, but other files do: move it into a folder {DATE}=YYYY-MM-DD, or add a column {DATE}"
        silent = zip(found, footers, stated, strict=True)
        yield from (of_file(one.name, words) for one, footer, states in silent if footer.rows and not states)


def _parts(place: ManifestLocation, found: Sequence[FoundFile], footers: Sequence[Footer]) -> tuple[ManifestFile, ...]:
    dated = [DATE in footer.schema.names for footer in footers]
    day = None
    if not any(dated) and not any(one.states_day for one in found):
        day = max((written(place.fs, one.path) for one in found), default=None)
    return tuple(
        ManifestFile(path=one.path, name=one.name, day=one.day or day, dated=has_dates, footer=footer)
        for one, has_dates, footer in zip(found, dated, footers, strict=True)
    )
