"""Where `cutouts cut` writes: one PNG per photograph. It never replaces a photograph, or a file that is not ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.storage.ownership import mark, require_free
from cutouts.adapters.storage.places import Places, is_within
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.core.errors import OutputError
from cutouts.core.text.naming import fitting, png_names

_OTHER_FILES = frozenset(
    {".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".psd", ".psb", ".xcf", ".ico", ".tga", ".exr", ".hdr", ".dds", ".ppm"}
    | {".pgm", ".pbm", ".pnm", ".pam", ".pcx", ".qoi", ".eps", ".ai", ".pdf", ".dng", ".cr2", ".cr3", ".nef", ".arw"}
    | {".raw", ".raf", ".orf", ".rw2", ".zip", ".tar", ".gz", ".txt", ".csv", ".json", ".html", ".parquet", ".mp4"}
)
"""Suffixes of files, other than the images that we read: an --out with one of them is a file, not a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The PNG of each photograph, what was ignored (as text), and the folders that cannot be listed."""

    pairs: tuple[tuple[Path, Path], ...]
    ignored: str = ""
    closed: tuple[str, ...] = ()


def targets(source: Path, out: Path) -> Targets:
    """The target of each photograph of `source`, which is a file or a folder.

    Raises UsageError if `out` is neither a folder nor a PNG, and OutputError if a file that is not ours would be
    replaced.
    """
    to_file = _is_file(out)
    if not source.is_dir():
        if mark(source) is not None:
            raise OutputError(f"{source} is a PNG made by cutouts, not a photograph: name the photograph")
        found = Targets(pairs=((source, out if to_file else out / fitting(source.stem, ".png")),))
    elif to_file:
        raise click.UsageError(f"{source} is a folder, so --out must be a folder too")
    else:
        found = _of_folder(source, out)
    require_free([target for _, target in found.pairs], [photograph for photograph, _ in found.pairs])
    return found


def _is_file(out: Path) -> bool:
    """Whether `out` names the PNG of one image, and not a folder."""
    suffix = out.suffix.lower()
    if out.is_dir() or not (suffix in SUFFIXES | _OTHER_FILES or out.exists()):
        return False
    if suffix != ".png":
        raise click.UsageError(f"{out}: only PNG is written: name {out.with_suffix('.png').name}, or a folder")
    return True


def _of_folder(source: Path, out: Path) -> Targets:
    found = photographs(source, SUFFIXES, without=out)
    _require_no_source(source, out)
    names = png_names([path.relative_to(source).as_posix() for path in found.files])
    pairs = tuple((path, out / names[path.relative_to(source).as_posix()]) for path in found.files)
    return Targets(pairs=pairs, ignored=found.ignored, closed=found.closed)


def _require_no_source(source: Path, out: Path) -> None:
    """Raise OutputError if `out` is below `source` (so it is not read) and contains photographs itself."""
    same = Places.of([source]).same(out) is not None
    if same or not out.is_dir() or not is_within(out, source):
        return
    inside = photographs(out, SUFFIXES)
    if inside.files:
        raise OutputError(
            f"{out} is below {source} and contains photographs itself ({inside.files[0].relative_to(out)}, …): "
            "they would not be cut out; name another folder"
        )
