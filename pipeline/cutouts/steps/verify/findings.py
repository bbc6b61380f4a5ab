"""The findings of a verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cutouts.core.errors import DamagedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: where it is, what it is, and how it was repaired (None: not repaired)."""

    place: str
    what: str
    repaired: str | None = None

    @property
    def words(self) -> str:
        """One line of text."""
        return f"{self.place}: {self.what}" + (f"; {self.repaired}" if self.repaired else "")


def fault_of(look: Callable[[], str | None]) -> str | None:
    """The fault that `look` finds in a file: what it returns, that the file is missing, or why it is damaged; None if
    it is undamaged."""
    try:
        return look()
    except FileNotFoundError:
        return "it is not there"
    except DamagedError as error:
        return error.why
