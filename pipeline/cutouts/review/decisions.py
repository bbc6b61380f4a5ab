"""What a reviewer sends: parsed and checked once, then carried out by the steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import CutoutsError, OvertakenError
from cutouts.core.publications import Order
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts.core.text.numbers import whole_number
from cutouts.review.sheets import open_sheet
from cutouts.review.standings import Standing, State, standing_of
from cutouts.steps import approve, gate, keep_back, publish, reject
from cutouts.steps.journal import journalled
from cutouts.steps.lease import at_work

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class WrongRequestError(CutoutsError):
    """The request of a page cannot be understood."""


class ReviewRequest(BaseModel):
    """A reviewer's decision about one delivery. Images are rows of the decision's table.

    `release` publishes what waits except the `bad` images, and of the individually bad ones only the `good`; `keep`
    says that the `bad` quarantined images stay where they are; `reject` rejects a held delivery as a whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: Literal["release", "keep", "reject"]
    why: Annotated[Reason, Field(min_length=1)]
    good: list[int] = []
    bad: dict[str, Reason] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a decision did, in words, the decision of the gate to show next, and whether it released anything."""

    words: str
    gate_id: str
    released: bool = False


def parse_request(body: bytes) -> ReviewRequest:
    """The request in a JSON body. Raises WrongRequestError."""
    try:
        return ReviewRequest.model_validate_json(body)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise WrongRequestError(f"the decision cannot be read: {problems}") from None


def settle(site: Site, gate_id: str, request: ReviewRequest, *, by: str) -> Settled:
    """Carry out a reviewer's decision in their name. Raises CutoutsError if it cannot be carried out any more."""
    sheet = open_sheet(site, gate_id)
    decision = sheet.decision
    bad = dict(zip(sheet.names([_row(number) for number in request.bad]), request.bad.values(), strict=True))
    good = sheet.names(request.good)
    held = decision.verdict is Verdict.HOLD
    standing, _ = standing_of(site, sheet)
    if held and not standing.state.waits:
        raise CutoutsError(_overtaken(decision, standing))
    marked = sheet.images([*request.good, *map(_row, request.bad)], replaced=standing.replaced)
    if gone := [one.image_id for one in marked if not one.waits]:
        raise CutoutsError(
            f"{counted(len(gone), 'image')} that you marked no longer {'waits' if len(gone) == 1 else 'wait'}, like "
            f"{shown(gone[0])}: somebody decided meanwhile. Nothing was changed: load the page again"
        )
    if request.action == "reject":
        word = reject(site, gate_id, by=by, why=request.why)
        return Settled(words=f"{word.delivery} is rejected. Nothing of it is published.", gate_id=gate_id)
    if request.action == "keep" or not (held or good):
        keep_back(site, gate_id, bad, by=by, why=request.why)
        return Settled(words=f"{counted(len(bad), 'image')} kept in quarantine.", gate_id=gate_id)
    done = approve(site, gate_id, by=by, why=request.why, but=bad, also=good)
    words = f"{counted(done.published, 'image')} of {done.delivery} published (publication {done.publication_id})."
    return Settled(words=words, gate_id=done.gate_id, released=True)


def _overtaken(decision: GateDecision, standing: Standing) -> str:
    """That somebody decided about a held delivery before, or that it was replaced."""
    if standing.state is State.REPLACED:
        return f"a newer version of {shown(decision.delivery)} was published meanwhile. Nothing was changed"
    first = standing.rejection or standing.publication
    who = shown((first.by if first else None) or "somebody")
    what = "rejected" if standing.rejection else "released"
    return f"{who} {what} {shown(decision.delivery)} meanwhile. Nothing was changed: load the page again"


@at_work
def take_back(site: Site, gate_id: str, *, by: str) -> Settled:
    """Take back the publication of a decision, in the reviewer's name; its images wait in quarantine afterwards.

    Raises OvertakenError if something newer was published, and CutoutsError if the decision published nothing.
    """
    decision = open_sheet(site, gate_id).decision
    with journalled(site) as catalog:
        publication = catalog.publication_of(gate_id)
        if publication is None:
            raise CutoutsError(f"decision {gate_id} published nothing")
        order = Order(by=by, because="undone on the review page", at=datetime.now(UTC))
        try:
            catalog.history.undo(publication.publication_id, order)
        except OvertakenError as error:
            raise OvertakenError(
                f"{shown(decision.delivery)} was changed after publication {publication.publication_id}: it was taken "
                "back before, or something newer was published. Nothing was changed: load the page again"
            ) from error
    again = _judged_again(site, decision)
    return Settled(words=f"Publication {publication.publication_id} is taken back.", gate_id=again.gate_id)


def _judged_again(site: Site, decision: GateDecision) -> GateDecision:
    """The decision after the images were taken back, entered in the catalogue so that the list shows it."""
    again = gate(site, decision.plan_id)
    publish(site, again.gate_id)
    return again


def _row(number: str) -> int:
    row = whole_number(number)
    if row is None:
        raise WrongRequestError(f"an image is named by the number of its row, not by {shown(number)}")
    return row
