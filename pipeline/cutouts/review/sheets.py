"""The images of one decision of the gate, in the order in which a person should look at them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.calibration import AGAINST
from cutouts.core.config import Site
from cutouts.core.decisions import KEPT_BACK, LIVE, GateDecision, Outcome
from cutouts.core.errors import CutoutsError, DamagedError
from cutouts.core.records import RecipeDigests
from cutouts.core.reviews import ImageReview
from cutouts.core.table_paths import gate_file
from cutouts.report.page.ranking import worst_first

IMAGES_PER_PAGE = 48
"""Images on one page."""

Version = tuple[str, str, RecipeDigests]
"""Image id, content and recipe of an image that was cut."""


class Show(StrEnum):
    """Which images a page shows."""

    WAITING = "waiting"
    ALL = "all"
    PUBLISHED = "published"
    REJECTED = "rejected"


_OUTCOMES = {
    Show.WAITING: KEPT_BACK,
    Show.ALL: tuple(Outcome),
    Show.PUBLISHED: LIVE,
    Show.REJECTED: (Outcome.REJECTED,),
}


class UnknownDecisionError(CutoutsError):
    """There is no decision of the gate with that id, or its tables were removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetImage:
    """One image of a decision.

    `number` is its row in the decision's table, and `review` is a person's decision about it. `replaced` is true if its
    photograph is live because another network cut it.
    """

    number: int
    image_id: str
    product_id: str
    uri: str
    sha256: str | None
    outcome: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    p_bad: float | None
    mask: str | None
    cutout: str | None
    width_px: int
    height_px: int
    review: ImageReview | None = None
    replaced: bool = False

    @property
    def waits(self) -> bool:
        """Whether a person can release or reject it."""
        return self.outcome in KEPT_BACK and not self.replaced

    def own_reasons(self, decision: GateDecision) -> tuple[str, ...]:
        """The reasons that concern only this image, not its whole delivery."""
        return tuple(reason for reason in self.reasons if reason not in decision.reasons)

    def main_reason(self, decision: GateDecision) -> str | None:
        """The strongest reason why its mask is bad, or else the last of its own reasons; None if it has none."""
        own = self.own_reasons(decision)
        return next((reason for reason in own if reason in AGAINST), own[-1] if own else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A decision, the table `OUTCOMES` of its images, and the row numbers of that table, the worst image first."""

    decision: GateDecision
    outcomes: pa.Table
    order: NDArray[np.int64]

    def rows(self, show: Show) -> NDArray[np.int64]:
        """The numbers of the rows to show, the worst image first."""
        wanted = pc.is_in(self.outcomes.column("outcome"), pa.array(_OUTCOMES[show]))
        shown = np.asarray(wanted.to_numpy(zero_copy_only=False), np.bool_)
        return np.asarray(self.order[shown[self.order]], np.int64)

    def bad_by_themselves(self) -> int:
        """How many waiting images stay in quarantine unless a person releases them one by one."""
        waits = self.outcomes.filter(pc.is_in(self.outcomes.column("outcome"), pa.array(_OUTCOMES[Show.WAITING])))
        shared = set(self.decision.reasons)
        return sum(bool(set(reasons) - shared) for reasons in waits.column("reasons").to_pylist())

    def images(
        self,
        rows: NDArray[np.int64] | Sequence[int],
        said: Mapping[Version, ImageReview] | None = None,
        replaced: Collection[Version] = (),
    ) -> list[SheetImage]:
        """The images in these rows, with what people `said` about them. `replaced` are versions whose photograph is
        live by another decision."""
        found = self.outcomes.take(pa.array(rows, pa.int64())).to_pylist()
        return [_image(int(number), row, said or {}, replaced) for number, row in zip(rows, found, strict=True)]

    def image(self, number: int, said: Mapping[Version, ImageReview] | None = None) -> SheetImage:
        """The image in that row, with what people `said`. Raises UnknownDecisionError if there is no such row."""
        self._require_rows([number])
        return self.images(np.array([number], np.int64), said)[0]

    def names(self, numbers: Sequence[int]) -> list[str]:
        """The ids of the images in these rows. Raises UnknownDecisionError if there is no such row."""
        self._require_rows(numbers)
        return [str(name) for name in self.outcomes.column("image_id").take(pa.array(numbers, pa.int64())).to_pylist()]

    def _require_rows(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            if not 0 <= number < self.outcomes.num_rows:
                raise UnknownDecisionError(f"decision {self.decision.gate_id} has no image {number}")


def open_sheet(site: Site, gate_id: str) -> Sheet:
    """The images of a decision. Raises UnknownDecisionError if there is no such decision."""
    if not (len(gate_id) == 32 and set(gate_id) <= set("0123456789abcdef")):
        raise UnknownDecisionError("a decision's id has 32 hexadecimal digits")
    return _open(site.tables_url, gate_id)


@lru_cache(maxsize=4)
def _open(tables_url: str, gate_id: str) -> Sheet:
    """A decision's tables never change, so the last ones are kept."""
    tables = open_store(tables_url)
    decision = find_record(tables, gate_file(gate_id, "decision.json"), GateDecision)
    if decision is None:
        raise UnknownDecisionError(f"there is no decision {gate_id}, or its tables were removed")
    try:
        outcomes = read_table(tables, gate_file(gate_id, "outcomes.parquet")).combine_chunks()
    except DamagedError as error:
        raise UnknownDecisionError(f"the images of decision {gate_id} cannot be read: {error}") from error
    doubt = pc.coalesce(pc.cast(outcomes.column("p_bad"), pa.float64()), 0.0)
    order = worst_first(outcomes, pa.table({"doubt": doubt}))
    return Sheet(decision=decision, outcomes=outcomes, order=order)


def _image(
    number: int, row: Mapping[str, Any], said: Mapping[Version, ImageReview], replaced: Collection[Version]
) -> SheetImage:
    recipe = RecipeDigests(matte_digest=row["matte_digest"], render_digest=row["render_digest"])
    version = (str(row["image_id"]), str(row["sha256"]), recipe)
    return SheetImage(
        number=number,
        **{name: row[name] for name in ("image_id", "product_id", "uri", "sha256", "outcome", "p_bad")},
        reasons=tuple(row["reasons"] or ()),
        notes=tuple(row["notes"] or ()),
        mask=row["mask"],
        cutout=row["cutout"],
        width_px=row["width_px"] or 1,
        height_px=row["height_px"] or 1,
        review=said.get(version),
        replaced=row["outcome"] in KEPT_BACK and version in replaced,
    )
