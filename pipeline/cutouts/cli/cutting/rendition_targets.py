"""Where `cutouts render` writes: a folder for each rendition, with one picture for each source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.storage.ownership import mark, require_free
from cutouts.adapters.storage.sources.folders import Photographs, photographs
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.text.naming import fitting, one_name_each


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionTargets:
    """For each image: the argument that it came with, its file, and the target of each rendition by name.

    What was ignored, as text, and the folders that cannot be listed.
    """

    pairs: tuple[tuple[Path, Path, Mapping[str, Path]], ...]
    ignored: str = ""
    closed: tuple[str, ...] = ()


def rendition_targets(sources: Sequence[Path], out: Path, renditions: Sequence[Rendition]) -> RenditionTargets:
    """The targets of all images of `sources`, which are files and folders.

    Raises UsageError if `out` names a file for more than one picture or with another suffix, and OutputError if a file
    that is not ours would be replaced.
    """
    found = [(source, _images(source, out)) for source in sources]
    files = [(source, file) for source, images in found for file in images.files]
    if out.suffix and not out.is_dir() and out.suffix.lower() in SUFFIXES:
        pairs = [_one_file(sources, out, renditions)]
    else:
        names = one_name_each({file: _name(source, file) for source, file in files})
        pairs = [(source, file, _below(out, names[file], renditions)) for source, file in files]
    require_free([target for *_, targets in pairs for target in targets.values()], [file for _, file in files])
    return RenditionTargets(
        pairs=tuple(pairs),
        ignored="; ".join(filter(None, (images.ignored for _, images in found))),
        closed=tuple(words for _, images in found for words in images.closed),
    )


def _images(source: Path, out: Path) -> Photographs:
    """The file, or the photographs in the folder; if it has none, the cutouts in it."""
    if not source.is_dir():
        return Photographs(files=(source,))
    found = photographs(source, SUFFIXES, without=out)
    if found.files:
        return found
    ours = photographs(source, SUFFIXES, without=out, with_ours=True)
    return Photographs(files=tuple(_cutouts(ours.files)), others=ours.others, closed=ours.closed)


def _cutouts(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        if (mark(file) or "").partition("\n")[0].rpartition(" ")[2] == "cutout":
            yield file


def _name(source: Path, file: Path) -> str:
    """The relative name that a file's pictures should have."""
    return file.relative_to(source).as_posix() if source.is_dir() else file.name


def _below(out: Path, name: str, renditions: Sequence[Rendition]) -> dict[str, Path]:
    path = PurePosixPath(name)
    return {one.name: out / one.name / path.parent / fitting(path.stem, one.suffix) for one in renditions}


def _one_file(
    sources: Sequence[Path], out: Path, renditions: Sequence[Rendition]
) -> tuple[Path, Path, dict[str, Path]]:
    if len(sources) != 1 or sources[0].is_dir() or len(renditions) != 1:
        raise click.UsageError(f"{out} is a file, but there is more than one picture: name a folder")
    (rendition,) = renditions
    if out.suffix.lower() not in ({".jpg", ".jpeg"} if rendition.format == "jpeg" else {rendition.suffix}):
        raise click.UsageError(f"{out}: {rendition.name} is a {rendition.format}: name {out.stem}{rendition.suffix}")
    return sources[0], sources[0], {rendition.name: out}
