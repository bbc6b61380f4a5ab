"""Finds the photographs below a folder: every file with an image suffix, and our own outputs only on request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cutouts.adapters.storage.ownership import MARKER, mark, owned
from cutouts.adapters.storage.places import Places
from cutouts.core.text.counting import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """The content of a folder: `files` are the photographs, in a stable order.

    The others are counted: `own` are PNGs that we made, `outputs` those of ours that a marker lists, `others` all other
    files. `closed` are folders that cannot be listed, and why.
    """

    files: tuple[Path, ...]
    own: int = 0
    outputs: int = 0
    others: int = 0
    closed: tuple[str, ...] = ()

    @property
    def ignored(self) -> str:
        """The ignored files in words; empty if there are none."""
        counts = [
            (self.others, "other file", "other files"),
            (self.own, "PNG made by cutouts", "PNGs made by cutouts"),
            (self.outputs, "output of earlier runs", "outputs of earlier runs"),
        ]
        return "; ".join(f"{counted(*one)} ignored" for one in counts if one[0])


def photographs(
    folder: Path, suffixes: frozenset[str], *, without: Path | None = None, with_ours: bool = False
) -> Photographs:
    """The files below `folder` with one of `suffixes`. Hidden files, the folder `without` and our outputs are left out.

    `with_ours` includes our outputs, for example to measure the cutouts of an earlier run.
    """
    outside = Places.of([without] if without is not None else [])
    files: list[Path] = []
    own = outputs = others = 0
    closed: list[str] = []
    for parent, children, names in os.walk(folder, onerror=lambda error: closed.append(_in_words(error))):
        here = Path(parent)
        ours = frozenset[str]() if with_ours else owned(here)
        outputs += sum(name in ours for name in (*children, *names))
        children[:] = sorted(
            child for child in children if child[0] != "." and child not in ours and outside.same(here / child) is None
        )
        for name in sorted(name for name in names if name not in ours):
            if name[0] == "." or Path(name).suffix.lower() not in suffixes:
                others += name != MARKER
            elif not with_ours and mark(here / name) is not None:
                own += 1
            else:
                files.append(here / name)
    return Photographs(files=tuple(files), own=own, outputs=outputs, others=others, closed=tuple(closed))


def _in_words(error: OSError) -> str:
    return f"{error.filename}: {os.strerror(error.errno) if error.errno else error}"
