"""How far a backfill is, and when it stops for today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cutouts.core.backfills.selection import KNOWN_DELIVERIES, BackfillSelection
from cutouts.core.text.counting import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillBudget:
    """When to stop for today: after so many images were cut, or after so many hours; None for no limit."""

    images: int | None = None
    hours: float | None = None


NO_LIMIT = BackfillBudget()


class BackfillPhase(StrEnum):
    """The phase that a backfill is in."""

    RUNNING = "running"
    PAUSED = "paused: its budget is used up"
    CANCELLED = "cancelled"
    FAILED = "ended, with failed deliveries"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillState:
    """How far a backfill is; `cut` of `images` that were to be cut, in `seconds` of work, over all of its runs.

    `held` are the deliveries that the gate held in the newest run: nothing of them was published.
    """

    backfill_id: str
    selection: BackfillSelection
    phase: BackfillPhase
    begun_at: datetime
    at: datetime
    images: int
    cut: int = 0
    deliveries: int = 0
    deliveries_done: int = 0
    failed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    seconds: float = 0.0
    budget: BackfillBudget = NO_LIMIT

    @property
    def left(self) -> timedelta | None:
        """How much longer the work takes at the speed so far; None if that is not known."""
        if not (self.cut and self.seconds):
            return None
        return timedelta(seconds=round(max(0, self.images - self.cut) * self.seconds / self.cut))

    @property
    def words(self) -> str:
        """One line."""
        if self.phase is BackfillPhase.DONE and not (self.deliveries or self.failed):
            return f"{self.backfill_id}: nothing to do in {KNOWN_DELIVERIES} ({self.selection.words})"
        left = self.left
        images, deliveries = counted(self.images, "image"), counted(self.deliveries, "delivery", "deliveries")
        return (
            f"{self.backfill_id}: {self.phase}, {self.cut} of {images} cut, {self.deliveries_done} of {deliveries} done"
            + (f", {len(self.failed)} failed" if self.failed else "")
            + (f", {len(self.held)} held, see `cutouts holds`" if self.held else "")
            + (f", {left} of work left" if left and self.phase is not BackfillPhase.DONE else "")
            + f" ({self.selection.words})"
        )
