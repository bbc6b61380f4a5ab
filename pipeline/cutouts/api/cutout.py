"""The result of cutting one photograph, and its PNG file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cutouts.adapters.images import encode_png
from cutouts.adapters.storage.atomic_files import explained, write_file
from cutouts.adapters.storage.ownership import require_free
from cutouts.core.errors import OutputError
from cutouts.core.home_folder import below_home
from cutouts.core.pixels import Bytes
from cutouts.core.png_mark import marked
from cutouts.core.records import RecipeDigests


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cutout:
    """A photograph without its background.

    `rgba` is uint8 H×W×4, sRGB with straight (not premultiplied) alpha. Pixels at soft edges have the product's own
    colour, and pixels with alpha 0 are 0. `matte` is uint8 H×W, 0…255, the alpha of `rgba`. H×W is the size of the
    upright photograph, or of the crop. `notes` say what was only approximated when the photograph was read. `source` is
    the file that was read, if there was one. `made_of` identifies what the cutout was made from: digests of the file,
    the network and the method.
    """

    rgba: Bytes = field(repr=False)
    matte: Bytes = field(repr=False)
    notes: tuple[str, ...] = ()
    source: Path | None = None
    made_of: str = field(default="", repr=False)

    @property
    def found(self) -> bool:
        """Whether anything was found: False if every pixel is transparent."""
        return bool(self.matte.any())

    def save(self, path: str | os.PathLike[str], *, mask: bool = False) -> None:
        """Write `rgba`, or with `mask` the matte, as an 8-bit PNG to `path`; missing folders are made.

        The file appears complete or not at all. It replaces only a PNG that was made by cutouts. Raises OutputError if
        the suffix is not .png, or if `path` is the photograph or any other file, and StorageError if the file cannot be
        written.
        """
        target = Path(below_home(path))
        require_png(target)
        require_free([target], [self.source] if self.source else [])
        write_png(target, self.matte if mask else self.rgba, told(self.made_of, mask=mask, notes=self.notes))


def require_png(target: Path) -> None:
    """Raise OutputError if the name does not end in .png."""
    if target.suffix.lower() != ".png":
        raise OutputError(f"{target}: only PNG is written: name {target.stem or 'cutout'}.png")


def origin(sha256: str, digests: RecipeDigests) -> str:
    """The text that a PNG states about its making: the photograph's sha256 ("" if it was no file) and the recipe."""
    return f"{sha256 or '-'} {digests.matte_digest} {digests.render_digest}"


def told(made_of: str, *, mask: bool, notes: tuple[str, ...] = ()) -> str:
    """The text stored in a PNG: what it was made from, whether it is the matte, and on a second line the notes."""
    line = f"{made_of} {'mask' if mask else 'cutout'}"
    return f"{line}\n{'; '.join(notes)}" if notes else line


def write_png(target: Path, pixels: Bytes, text: str) -> None:
    """Write a PNG with our mark. Raises OutputError if the system refuses the name, otherwise StorageError."""
    write_whole(target, marked(encode_png(pixels), text))


def write_whole(target: Path, data: bytes) -> None:
    """Write a file, complete or not at all. Raises OutputError if the system refuses the name, otherwise
    StorageError."""
    with explained(target):
        write_file(target, data)
