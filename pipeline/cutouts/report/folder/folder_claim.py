"""The folder of a run: marked as ours before anything is written to it, and never its own source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import pyarrow as pa

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.storage.atomic_files import locked
from cutouts.adapters.storage.manifests.files import is_manifest_file
from cutouts.adapters.storage.ownership import MARKER, claim, is_ours, owned, require_no_url
from cutouts.adapters.storage.places import is_within
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.core.errors import OutputError, TransientError
from cutouts.report.folder.links import FOLDER

MANIFEST_FOLDER = "manifest"
REPLACED = ("report.html", "images.parquet", "summary.json", MANIFEST_FOLDER, FOLDER)
"""The files and folders that each run writes again."""
_KEPT = ("objects", "tables", "catalog.sqlite")
"""The files and folders that a run adds to."""


def claim_folder(out: Path, source: str, *, more: Sequence[str] = ()) -> None:
    """Make `out` the folder of runs, for `REPLACED` and the names `more`, if `source` allows that.

    Raises OutputError before anything is written if `out` is a URL, a file, the source, a folder of photographs or
    manifests, or if it contains files under those names that are not ours.
    """
    require_no_url(out)
    place = Path(source)
    if place.exists():
        _require_apart(out.resolve(), place.resolve())
    if links := [name for name in REPLACED if (out / name).is_symlink()]:
        raise OutputError(
            f"{out / links[0]} is a link that was not made by cutouts: name another folder, or move the link away"
        )
    if not owned(out):
        _require_no_source(out)
    added = [name for name in _KEPT if not os.path.lexists(out / name)]
    claim(out.resolve(), (*REPLACED, *more, *added))


@contextmanager
def only_run(out: Path) -> Iterator[None]:
    """Keep other runs out of the folder during the block: each of them writes the same files. Raises TransientError if
    one is in progress."""
    try:
        with locked(out / f"{MARKER}.run", wait=False):
            yield
    except BlockingIOError as error:
        raise TransientError(f"another run writes to {out}: run again when it has ended") from error


def write_manifest(out: Path, table: pa.Table, day: date) -> Path:
    """Write the manifest of a folder to `out`/manifest and return that folder, which contains nothing else.

    Raises OutputError if other files are in it, because they would be read as a part of the manifest.
    """
    folder = out.resolve() / MANIFEST_FOLDER
    part = folder / f"date={day.isoformat()}" / "part-0.parquet"
    if folder.is_symlink():
        raise OutputError(f"{folder} is a link that cutouts did not make: move it away; the folder is written again")
    there = [path for path in folder.rglob("*") if not _is_hidden(path.relative_to(folder))]
    if foreign := [path for path in there if not _is_part(folder, path)]:
        raise OutputError(f"{foreign[0]} was not made by cutouts, and would be taken for a manifest: move it away")
    for old in [path for path in there if path.is_file()]:
        old.unlink()
        with suppress(OSError):  # what is hidden in it is not ours, and is not read
            old.parent.rmdir()
    write_table(open_store(str(out.resolve())), part.relative_to(out.resolve()).as_posix(), table)
    return folder


def _is_hidden(path: Path) -> bool:
    return any(name.startswith(".") for name in path.parts)


def _is_part(folder: Path, path: Path) -> bool:
    """Whether it is a part of an earlier manifest, or the folder of one."""
    if path.is_symlink():
        return False
    depth = len(path.relative_to(folder).parts)
    if path.is_dir():
        return depth == 1 and path.name.startswith("date=")
    return depth == 2 and is_ours(path, "manifest")


def _require_apart(out: Path, source: Path) -> None:
    """Raise OutputError if a run into `out` would write into the source, or read its own results."""
    if source.is_dir() and is_within(out, source) and is_within(source, out):
        raise OutputError(f"--out {out} is the source itself: name another folder")
    if is_within(source, out):
        first = source.relative_to(out).parts[0] if source.is_relative_to(out) else ""
        if first in (*REPLACED, *_KEPT):
            raise OutputError(f"{source} was written by runs into {out}: name the photographs, or another --out")
    if source.is_dir() and is_within(out, source) and holds_manifest(source):
        raise OutputError(f"--out {out} is below the manifest {source}, and would be read as a part of it")


def holds_manifest(folder: Path) -> bool:
    """Whether a folder is a manifest (Parquet files, or folders by day) and not a folder of photographs.

    A manifest may have other folders `KEY=VALUE` above its days.
    """
    return any(
        is_manifest_file(one.name)
        or one.name.lower().startswith("date=")
        or ("=" in one.name and any(_parts_below(one)))
        for one in folder.iterdir()
    )


def _parts_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if is_manifest_file(path.relative_to(folder).as_posix()))


def _require_no_source(out: Path) -> None:
    if not out.is_dir() or any(os.path.lexists(out / name) for name in REPLACED):
        return  # it is not a folder of ours then, which `claim` says
    if holds_manifest(out):
        raise OutputError(f"--out {out} is a folder of manifests: name a separate folder")
    photograph = next((one for one in sorted(out.iterdir()) if one.suffix.lower() in SUFFIXES), None)
    if photograph is not None:
        raise OutputError(f"--out {out} is a folder of photographs ({photograph.name}, …): name a separate folder")
