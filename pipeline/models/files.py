"""A network's file and whether it is the one of its row. Nothing that was not verified is ever opened."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.core.display import command
from pipeline.core.errors import ModelError
from pipeline.models.table import ModelRow


def verified(row: ModelRow, models: str) -> Path:
    """Where the row's file lies, once every digest that the row states was found in it. Raises ModelError."""
    path = row.path(models)
    if not path.is_file():
        advice = f"; get it with: {command('cutouts', 'models', 'pull', row.name)}" if row.url else ""
        raise ModelError(f"the network {row.name!r} is not at {path}{advice}")
    if problem := contradiction(path, row):
        raise ModelError(f"{path} is not the file of the table: {problem}")
    return path


def contradiction(path: Path, row: ModelRow) -> str | None:
    """In what the file differs from the size and the digests of its row; None if it is the one."""
    if row.bytes and (size := path.stat().st_size) != row.bytes:
        return f"it has {size} B, its row says {row.bytes}"
    for algorithm, stated in (("sha256", row.sha256), ("md5", row.md5)):
        if stated and (found := file_digest(path, algorithm)) != stated:
            return f"{algorithm} {found[:12]}…, not {stated[:12]}…"
    return None


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
