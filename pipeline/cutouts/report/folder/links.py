"""`cutouts/`: a relative link for each published image. Only links to our own objects are replaced or removed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cutouts.adapters.storage.atomic_files import part_path
from cutouts.core.errors import StorageError
from cutouts.core.text.counting import counted

FOLDER = "cutouts"
_TARGET = re.compile(r"objects/([0-9a-f]{2})/\1[0-9a-f]{62}\.png")
"""The targets of our own links, relative to the folder of the run: objects, named by their content."""
_NAMED = 5
"""At most this many names are listed if links could not be made."""


def write_links(out: Path, wanted: Mapping[str, str]) -> None:
    """Make `out/cutouts/NAME` a link to `out/OBJECT` for each name, and remove the other links of earlier runs.

    Raises StorageError, after all other links were made, if other files have some of the names. These files are left
    alone.
    """
    folder = out / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise StorageError(f"{folder} is not a folder: move it away; links to the cutouts are made there")
    folder.mkdir(parents=True, exist_ok=True)
    links = {folder / name: os.path.relpath(out / target, (folder / name).parent) for name, target in wanted.items()}
    for stale in [link for link in own_links(out) if link not in links]:
        _remove(stale, folder)
    blocked = [link for link, target in links.items() if not _point(out, link, target)]
    if blocked:
        named = ", ".join(str(link.relative_to(folder)) for link in blocked[:_NAMED])
        raise StorageError(
            f"{counted(len(blocked), 'link was', 'links were')} not made in {folder}: other files have these names "
            f"({named}{', …' if len(blocked) > _NAMED else ''}). Move them away and run again"
        )


def own_links(out: Path) -> Iterator[Path]:
    """The links below `out/cutouts` that runs into `out` made, whether or not their objects are still there."""
    for parent, folders, files in os.walk(out / FOLDER):
        yield from (link for name in (*folders, *files) if _is_own(out, link := Path(parent, name)))


def _is_own(out: Path, link: Path) -> bool:
    """Whether it is a link that only a run into `out` makes."""
    if not link.is_symlink():
        return False
    target = os.path.relpath(os.path.normpath(link.parent / link.readlink()), out)
    return not link.readlink().is_absolute() and _TARGET.fullmatch(target) is not None


def _remove(link: Path, folder: Path) -> None:
    """Remove one of our links, and the folders above it that become empty."""
    link.unlink()
    for parent in link.relative_to(folder).parents[:-1]:
        if any((folder / parent).iterdir()):
            return
        (folder / parent).rmdir()


def _point(out: Path, link: Path, target: str) -> bool:
    """Make the link. False if a file that is not ours has its name, or the name of a folder above it."""
    if not _is_own(out, link) and (link.is_symlink() or link.exists()):
        return False
    if link.is_symlink() and str(link.readlink()) == target:
        return True
    if not _made(out / FOLDER, link.parent):
        return False
    part = part_path(link)
    part.symlink_to(target)
    part.replace(link)
    return True


def _made(top: Path, folder: Path) -> bool:
    """Make a folder below `top`. False if a folder above it is a link or a file."""
    for parent in reversed([folder, *folder.parents[: len(folder.relative_to(top).parts)]]):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            return False
        parent.mkdir(exist_ok=True)
    return True
