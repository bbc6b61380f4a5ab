"""The frozen records of the gate: the outcome of each image, and the decision about a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cutouts.core.records import DeliveryKey, RecipeDigests


class Outcome(StrEnum):
    """The outcome of an image. The five counts add up to the images of a delivery."""

    PUBLISHED = "published"
    QUARANTINED = "quarantined"
    HELD = "held"
    REJECTED = "rejected"
    SKIPPED = "skipped"


LIVE = (Outcome.PUBLISHED, Outcome.SKIPPED)
"""The outcomes of the images that are live once the decision is published."""
KEPT_BACK = (Outcome.QUARANTINED, Outcome.HELD)
"""The outcomes of the images that wait for a person, who can release or reject them."""


class Verdict(StrEnum):
    """The gate's verdict on a delivery as a whole."""

    PUBLISH = "publish"
    PUBLISH_ALL_BUT_QUARANTINED = "publish all but the quarantined"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOutcome:
    """The result of one expectation for a delivery; `failing` counts rows, and is None if the expectation has none.

    If it is not met and its severity is not `critical`, it is only reported.
    """

    expectation: str
    column: str | None
    action: str
    words: str
    success: bool
    observed: str
    failing: int | None
    severity: str = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseLimit:
    """The largest `p_bad` that may be published of a category; None stands for all others.

    `masks` were checked, of which `kept` have no larger p_bad, and `bad` of these are bad. `network` is the one whose
    masks it is for; it is empty if the delivery has only one.
    """

    category: str | None
    p_bad: float
    masks: int
    kept: int
    bad: int
    network: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPromise:
    """The promise that at most `share` of what is published is bad, as it applied to a delivery of `masks` masks, of
    which `within` are within its limits."""

    share: float
    confidence: float
    limits: tuple[PromiseLimit, ...]
    masks: int
    within: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """The gate's verdict on one delivery, and the counts of its outcomes.

    `judged` is the digest of the content, recipe and suite that were judged; a person's approval applies to exactly
    that. `against` is the version of the delivery that was live then (`Catalog.version`), which publishing compares
    first. It is -1 for decisions recorded by an earlier release, which never matches. A `full` delivery withdraws the
    images that are live under its id but not in it; `withdrawn` counts them. `gate_id` identifies this decision: what
    was judged, for which plan, against which version, and whether a person approved it. `suite` is the digest under
    which the text of the suite is kept; it is empty for decisions of an earlier release. `promise` is None if the site
    makes none. `warnings` are expectations that are not met and only reported. If its images were cut by several
    networks, `several` has the recipe of each, and `recipe` that of the first. It is `partial` if its plan is.
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
    suite: str = ""
    promise: AppliedPromise | None = None
    warnings: tuple[str, ...] = ()
    several: tuple[RecipeDigests, ...] = ()
    partial: bool = False

    @property
    def balances(self) -> bool:
        """Whether the five outcomes add up to the images."""
        return self.images == self.published + self.quarantined + self.held + self.rejected + self.skipped
