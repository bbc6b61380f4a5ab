"""A models folder of a separate site."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cutouts.core.config import Site
from cutouts.models import OWN_TABLE, ModelRow
from cutouts.models.site_rows import with_row
from tests.tiny_networks import picky


def site_with_picky(folder: Path, *, limit: int) -> Site:
    """A site whose network fails on images of this brightness or more."""
    folder.mkdir()
    row = picky_row(folder, limit=limit)
    (folder / OWN_TABLE).write_text(with_row("", row), encoding="utf-8")
    return Site(root=str(folder), models=str(folder))


def picky_row(folder: Path, *, limit: int) -> ModelRow:
    """The row of a network, written into `folder`, that fails on images of this brightness or more."""
    return own_row("picky", picky(folder / "picky.onnx", limit=limit), side=4)


def own_row(name: str, digest: str, *, side: int) -> ModelRow:
    """The row of a network in the file `NAME.onnx` that takes uint8 images of `side` × `side` pixels."""
    return ModelRow(
        name=name,
        file=f"{name}.onnx",
        sha256=digest,
        width_px=side,
        height_px=side,
        resize="stretch",
        layout="nhwc-uint8",
        licence="none",
        commercial=True,
        about="",
    )


def digest_of(file: Path) -> str:
    """The sha256 that a row states for a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
