"""A folder that is filled once and begins every test as it was filled, under the same path, which sites contain."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder beside a copy of what was in it when it was kept."""

    folder: Path

    @property
    def _copy(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-as-kept")

    def keep(self) -> Kept:
        """Copy the folder as it is now."""
        shutil.copytree(self.folder, self._copy, symlinks=True)
        return self

    def restored(self) -> Path:
        """The folder, as it was when it was kept."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._copy, self.folder, symlinks=True)
        return self.folder
