"""The content of a report. The caller, which has run the steps, puts it together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Day  # noqa: N812 -- a field is called date, and its type must not be mistaken for it
from datetime import datetime

import pyarrow as pa

from cutouts.core.decisions import GateDecision
from cutouts.core.errors import BooksError
from cutouts.core.manifests.checks import DeliveryProblem, Group

NO_DELIVERY = "(none)"
"""The name shown for the delivery of rows that name none."""
NO_DAY = "(no day)"
"""The name shown for the day of rows that state none."""


def key_in_words(day: Day | None, delivery_id: str | None) -> str:
    """`YYYY-MM-DD/delivery_id`, with a name in place of a part that the row does not state."""
    return f"{day.isoformat() if day else NO_DAY}/{delivery_id or NO_DELIVERY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The counts of a run, each field a key of `summary.json`; `images` is the sum of the five outcomes.

    `images_per_second` counts the images that were processed in this run (not the skipped) over its wall clock;
    `model_batches` are the calls of the network. `withdrawn` images were live, and a full delivery does not have them
    any more. Raises BooksError if the counts do not add up.
    """

    images: int
    skipped: int
    published: int
    quarantined: int
    held: int
    rejected: int
    model_batches: int
    images_per_second: float
    withdrawn: int = 0

    def __post_init__(self) -> None:
        outcomes = self.skipped + self.published + self.quarantined + self.held + self.rejected
        if self.images != outcomes:
            raise BooksError(f"the counts do not add up: {self.images} images, but {outcomes} outcomes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A delivery that the manifest's check refused; `count` rows have the problem, `places` are the first of them.

    `day` and `delivery_id` are None for rows that state none.
    """

    day: Day | None
    delivery_id: str | None
    problem: str
    count: int
    places: tuple[str, ...] = ()
    image_ids: tuple[str | None, ...] = ()

    @classmethod
    def of(cls, problem: DeliveryProblem) -> Refusal:
        """The problem that the check of a manifest found in a delivery."""
        return cls(
            day=problem.day,
            delivery_id=problem.delivery_id,
            problem=problem.problem,
            count=problem.count,
            places=problem.places,
            image_ids=problem.image_ids,
        )

    @property
    def words(self) -> str:
        """The problem and where it was found."""
        if not self.places:
            return self.problem
        return f"{self.problem}: row {', '.join(self.places)}{', …' if self.count > len(self.places) else ''}"

    @property
    def group(self) -> Group:
        """The rows that were refused together."""
        return self.day, self.delivery_id

    @property
    def delivery(self) -> str:
        """The delivery's key as text for a person."""
        return key_in_words(self.day, self.delivery_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """How much a matte differs from the known one, as `cutouts.metrics` measures it; ratios 0..1."""

    image_id: str
    delivery_id: str
    date: Day
    intersection_over_union: float
    boundary_iou: float
    mean_absolute_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionRow:
    """A rendition of the live images: how many pictures are published, and break a rule or could not be made.

    `problems` are the first rules that were broken and the first failures, in words.
    """

    name: str
    published: int
    refused: int
    failed: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that `report.html` shows.

    `images` has the schema `schemas.tables.IMAGES`; `metrics` has `METRICS` and the columns `date` and `delivery_id`.
    `seconds` are summed over workers, by stage; `wall_seconds` is clock time. `about` are facts of the run as (label,
    value): model, recipe digests, provider, cluster, store, versions. `thresholds` by metric are drawn into the plots.
    """

    source: str
    made_at: datetime
    summary: RunSummary
    decisions: tuple[GateDecision, ...]
    images: pa.Table
    metrics: pa.Table
    wall_seconds: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    about: tuple[tuple[str, str], ...] = ()
    refused: tuple[Refusal, ...] = ()
    truth: tuple[TruthRow, ...] = ()
    renditions: tuple[RenditionRow, ...] = ()
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    title: str = "Catalogue refresh"
