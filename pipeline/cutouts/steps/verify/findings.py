"""The findings of a verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, auto

from cutouts.core.errors import DamagedError, StorageError, TransientError

_OUTAGES = 20
"""Files that may be unreadable at the moment before a verification ends: then the whole store may be."""


class FaultKind(StrEnum):
    """What is wrong with a file: its content; or it cannot be read, for good or at the moment."""

    DAMAGED = auto()
    UNREADABLE = auto()
    OUTAGE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a file, in words."""

    words: str
    kind: FaultKind = FaultKind.DAMAGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: where it is, what it is, and how it was repaired (None: not repaired)."""

    place: str
    what: str
    kind: FaultKind = FaultKind.DAMAGED
    repaired: str | None = None

    @property
    def words(self) -> str:
        """One line of text."""
        return f"{self.place}: {self.what}" + (f"; {self.repaired}" if self.repaired else "")


def fault_of(look: Callable[[], str | None]) -> Fault | None:
    """The fault that `look` finds in a file: what it returns, that the file is missing, damaged or cannot be read; None
    if it is undamaged."""
    try:
        words = look()
    except FileNotFoundError:
        words = "it is not there"
    except DamagedError as error:
        words = error.why
    except TransientError as error:
        return Fault(words=f"it cannot be read at the moment: {error}", kind=FaultKind.OUTAGE)
    except StorageError as error:
        return Fault(words=f"it cannot be read: {error}", kind=FaultKind.UNREADABLE)
    return Fault(words=words) if words else None


class Outages:
    """Counts the files that cannot be read at the moment."""

    def __init__(self) -> None:
        self._left = _OUTAGES

    def note(self, fault: Fault | Finding) -> None:
        """Count a file. Raises TransientError if there are too many."""
        self._left -= fault.kind is FaultKind.OUTAGE
        if self._left < 0:
            words = fault.what if isinstance(fault, Finding) else fault.words
            raise TransientError(f"more than {_OUTAGES} files could not be read; the last one: {words}")
