"""A network's file and whether it is the one of its row. What is opened are the very bytes that were verified."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cutouts.core.errors import ModelError
from cutouts.core.text.display import command
from cutouts.models.table import ModelRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A network's file as it was read, once: `data` are all of its bytes."""

    path: Path
    data: bytes = field(repr=False)

    def digest(self, algorithm: str = "sha256") -> str:
        """Hexadecimal digest of the bytes."""
        return hashlib.new(algorithm, self.data, usedforsecurity=False).hexdigest()


def read_file(path: Path) -> ModelFile:
    """The file at `path`. Raises ModelError if it cannot be read."""
    try:
        return ModelFile(path=path, data=path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


def verified(row: ModelRow, models: str) -> ModelFile:
    """The row's file, once every digest that the row states was found in its bytes. Raises ModelError."""
    path = row.path(models)
    if not path.is_file():
        advice = f"; get it with: {command('cutouts', 'models', 'pull', row.name)}" if row.url else ""
        raise ModelError(f"the network {row.name!r} is not at {path}{advice}")
    if row.bytes and (size := path.stat().st_size) != row.bytes:
        raise ModelError(f"{path} does not match the model table: {_other_size(size, row)}")
    file = read_file(path)
    for algorithm, stated in _digests(row):
        if (found := file.digest(algorithm)) != stated:
            raise ModelError(f"{path} does not match the model table: {_other_digest(algorithm, found, stated)}")
    return file


def contradiction(path: Path, row: ModelRow) -> str | None:
    """In what the file differs from the size and the digests of its row; None if it is the one."""
    if row.bytes and (size := path.stat().st_size) != row.bytes:
        return _other_size(size, row)
    for algorithm, stated in _digests(row):
        if (found := file_digest(path, algorithm)) != stated:
            return _other_digest(algorithm, found, stated)
    return None


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _digests(row: ModelRow) -> list[tuple[str, str]]:
    return [(name, stated) for name, stated in (("sha256", row.sha256), ("md5", row.md5)) if stated]


def _other_size(size: int, row: ModelRow) -> str:
    return f"it has {size} B, its row says {row.bytes}"


def _other_digest(algorithm: str, found: str, stated: str) -> str:
    return f"{algorithm} {found[:12]}…, not {stated[:12]}…"
