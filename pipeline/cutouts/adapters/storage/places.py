"""Tells files and folders apart by what they are on disk, whatever path leads to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Files and folders by their identity on disk (device and inode), not by their path."""

    by_identity: dict[tuple[int, int], Path]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Places:
        """Those of `paths` that exist."""
        return cls({identity: path for path in paths if (identity := _identity(path)) is not None})

    def same(self, path: Path) -> Path | None:
        """The one of them that `path` is or links to; None if it is none of them."""
        identity = _identity(path)
        return None if identity is None else self.by_identity.get(identity)


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path, which need not exist, is the folder or is below it, under any name of the folder."""
    places = Places.of([folder])
    whole = path.resolve()
    return any(places.same(one) is not None for one in (whole, *whole.parents))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
