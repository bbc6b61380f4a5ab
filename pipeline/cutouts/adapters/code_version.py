"""Identifies this code by its version and a digest of the package's files, which may be changed in a checkout."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path


@cache
def code_version() -> str:
    """For example `0.1.0+3f5a9c0d1e2b`. The digest covers the path and bytes of every Python file of the package."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(f"{file.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{version('cutouts')}+{digest.hexdigest()[:12]}"
