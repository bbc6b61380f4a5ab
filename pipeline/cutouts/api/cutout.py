"""What was cut out of one photograph, and the PNG that it is saved as."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from cutouts.adapters.images import encode_png
from cutouts.adapters.storage.ownership import require_free
from cutouts.adapters.storage.store import write_file
from cutouts.core.advice import advice
from cutouts.core.errors import OutputError, StorageError
from cutouts.core.pixels import Bytes
from cutouts.core.png_mark import marked

_OF_ONE_FILE = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.EILSEQ})
"""What the system says if it does not take one name; anything else would meet every image."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cutout:
    """A photograph without its background.

    `rgba` is uint8 H×W×4, sRGB with straight (not premultiplied) alpha: colours of soft pixels are the product's own,
    and pixels with alpha 0 are 0. `matte` is uint8 H×W, 0…255, the alpha of `rgba`. H×W is the size of the photograph
    when it is upright, or of what was found in it if it was cropped. `notes` say in words what is approximate about how
    the photograph was read. `source` is the file that was read, if it was one; `made_of` is what its PNG says about
    itself: digests of the file, the network and the method.
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

        The file appears whole or not at all. It replaces only a PNG that cutouts made. Raises OutputError for another
        suffix than .png, for the photograph itself and for any other file, and StorageError if the file cannot be
        written.
        """
        target = Path(path)
        require_png(target)
        require_free([target], [self.source] if self.source else [])
        write_png(target, self.matte if mask else self.rgba, told(self.made_of, mask=mask, notes=self.notes))


def require_png(target: Path) -> None:
    """Nothing, or an OutputError for a name that no PNG has."""
    if target.suffix.lower() != ".png":
        raise OutputError(f"{target}: only PNG is written: name {target.stem or 'cutout'}.png")


def told(made_of: str, *, mask: bool, notes: tuple[str, ...] = ()) -> str:
    """What a PNG says about itself: what it was made of, whether it is the matte, and on a second line the notes."""
    line = f"{made_of} {'mask' if mask else 'cutout'}"
    return f"{line}\n{'; '.join(notes)}" if notes else line


def write_png(target: Path, pixels: Bytes, text: str) -> None:
    """Write a PNG with our mark. OutputError for a name that the system does not take, else StorageError."""
    try:
        write_file(target, marked(encode_png(pixels), text))
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _OF_ONE_FILE:
            raise OutputError(f"{target}: {words}") from error
        raise StorageError(f"{target} cannot be written: {words}; {advice(error)}") from error
