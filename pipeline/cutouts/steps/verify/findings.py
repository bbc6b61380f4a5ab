"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: where, what, and what was done about it (None: nothing yet)."""

    place: str
    what: str
    repaired: str | None = None

    @property
    def words(self) -> str:
        """One line."""
        return f"{self.place}: {self.what}" + (f"; {self.repaired}" if self.repaired else "")
