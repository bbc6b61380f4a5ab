"""The frozen records of the catalogue's journal: publications, holds with what a person decided, and reviews."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cutouts.core.reviews import ImageReview


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledPublication:
    """A publication with all columns of the catalogue. What it changed is in a table beside this record.

    `previous` is the publication before it of the same delivery id, None for the first. A journal in which it is
    missing is incomplete.
    """

    publication_id: int
    previous: int | None
    gate_id: str
    plan_id: str
    delivery_id: str
    delivery_date: date
    at: datetime
    published: int
    confirmed: int
    superseded: int
    moved: int
    withdrawn: int
    is_full: bool
    kind: str
    approval_gate_id: str | None
    announced_at: datetime | None
    made_by: str | None
    because: str | None
    back_to: int | None
    undone_by: int | None
    restorable: bool
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledWord:
    """What a person said about a hold: who, why and when."""

    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledHold:
    """A decision that held a delivery, and the approval or rejection of a person, if there is one."""

    gate_id: str
    judged: str
    plan_id: str
    delivery_id: str
    delivery_date: date
    reasons: tuple[str, ...]
    at: datetime
    approved: JournalledWord | None = None
    rejected: JournalledWord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledReview:
    """What a person said about an image, with its number in the catalogue."""

    review_id: int
    review: ImageReview


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledReviews:
    """Everything that people said about the images of one decision, in that order."""

    gate_id: str
    reviews: tuple[JournalledReview, ...]
