"""How long work tells how far it is: to whoever called it, phase by phase."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Counter(Protocol):
    """Counts images, or other things, as they are finished."""

    def add(self, fate: str, images: int = 1) -> None:
        """`images` more of them have this result ("read", "cut", "rejected" or "checked")."""


Progress = Callable[[str, int], AbstractContextManager[Counter]]
"""Called with the name of a phase ("reading", "cutting") and the number of its images when it begins; returns its
counter."""


class _Nobody:
    def add(self, fate: str, images: int = 1) -> None:
        """Do nothing."""


def unwatched(_doing: str, _total: int) -> AbstractContextManager[Counter]:
    """The default for `progress`: nothing is reported."""
    return nullcontext(_Nobody())
