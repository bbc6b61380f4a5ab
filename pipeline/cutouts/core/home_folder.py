"""Paths that people write: `~/` at the beginning is their home folder, with and without a shell."""

from __future__ import annotations

import os
from pathlib import Path


def below_home(path: str | os.PathLike[str]) -> str:
    """The path as text, where `~/` at its beginning is the user's home folder."""
    text = os.fspath(path)
    return str(Path(text).expanduser()) if text.startswith("~/") else text
