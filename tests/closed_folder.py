"""A folder that nobody can list, not even root, from whom no permission can be taken."""

from __future__ import annotations

import os
from pathlib import Path


def closed_folder(parent: Path) -> None:
    """Make folders inside one another below `parent`, with a path of more than the 4,096 B that Linux accepts."""
    parent.mkdir(parents=True, exist_ok=True)
    place = os.open(parent, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("n" * 250, dir_fd=place)
        inner = os.open("n" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
