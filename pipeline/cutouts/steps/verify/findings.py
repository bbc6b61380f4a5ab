"""The findings of a verification."""

from __future__ import annotations

from dataclasses import dataclass


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
