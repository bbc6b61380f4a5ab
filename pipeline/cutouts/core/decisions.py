"""The frozen records of the gate: what became of each image, and what was decided about a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cutouts.core.records import DeliveryKey, RecipeDigests


class Outcome(StrEnum):
    """What became of an image; the five add up to the images of a delivery."""

    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    HELD = "held"
    REJECTED = "rejected"
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What the gate says of a delivery as a whole."""

    PUBLISH = "publish"
    PUBLISH_ALL_BUT_QUARANTINED = "publish all but the quarantined"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOutcome:
    """What one expectation of a suite said of a delivery; `failing` counts rows, None if it has none."""

    expectation: str
    column: str | None
    action: str
    words: str
    success: bool
    observed: str
    failing: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """The gate's verdict on one delivery and the counts of its outcomes.

    `judged` is the digest of the content, recipe and suite that were judged: a person's approval is of that. `against`
    is the version of what was live of the delivery then (`Catalog.version`); publishing compares it first, and -1, of
    a decision that an earlier release recorded, is never the same. A `full` delivery withdraws what is live under its
    id and not in it: `withdrawn` images. `gate_id` names this decision: what was judged, for which plan, against which
    version, and whether a person approved it.
    """

    gate_id: str
    judged: str
    plan_id: str
    delivery: DeliveryKey
    recipe: RecipeDigests
    verdict: Verdict
    reasons: tuple[str, ...]
    images: int
    published: int
    quarantined: int
    held: int
    rejected: int
    skipped: int
    expectations: tuple[ExpectationOutcome, ...]
    against: int = -1
    full: bool = False
    withdrawn: int = 0

    @property
    def balances(self) -> bool:
        """Whether the five outcomes add up to the images."""
        return self.images == self.published + self.quarantined + self.held + self.rejected + self.skipped
