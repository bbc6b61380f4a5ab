"""What became of a decision of the gate, and the lists of decisions that wait for a person and that were settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import pyarrow as pa

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.core.config import Site
from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.errors import DamagedError
from cutouts.core.publications import Hold, HoldRejection, Publication
from cutouts.core.records import DeliveryKey
from cutouts.core.reviews import ImageReview
from cutouts.core.table_paths import gate_file
from cutouts.review.sheets import Sheet, Show, UnknownDecisionError, Version
from cutouts.steps.networks import versions
from cutouts.steps.reviews import waiting_images
from cutouts.steps.stored_keys import is_second_try

ENTRIES_PER_PAGE = 25
"""Decisions on one page of the list."""


class State(StrEnum):
    """What a decision of the gate is to a person now."""

    HELD = "held"
    QUARANTINED = "quarantined"
    PUBLISHED = "published"
    REJECTED = "rejected"
    TAKEN_BACK = "taken back"
    REPLACED = "replaced"
    """Held, until a newer version of the delivery was published; nobody decided about this one."""

    @property
    def waits(self) -> bool:
        """Whether it asks a person for a decision."""
        return self in (State.HELD, State.QUARANTINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What became of a decision. `publication` and `rejection` settled it; `next_gate` is the decision that followed.

    `unseen` counts the quarantined images that no person said anything about, without those of `replaced`: versions
    that are live, because another network cut them. `undoable` says whether the publication can
    be taken back: it released something, and it is the newest of its delivery.
    """

    state: State
    at: datetime | None
    unseen: int
    publication: Publication | None = None
    rejection: HoldRejection | None = None
    next_gate: str | None = None
    undoable: bool = False
    replaced: frozenset[Version] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision in a list. `decision` is None if its tables were removed. `outdated` says that a newer version of the
    held delivery waits, too."""

    gate_id: str
    delivery: DeliveryKey
    state: State
    at: datetime
    decision: GateDecision | None
    by: str | None = None
    why: str | None = None
    unseen: int = 0
    outdated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionOn:
    """One of the decisions about a delivery; `second_try` if it is about quarantined images that were cut again."""

    decision: GateDecision
    at: datetime
    second_try: bool


def standing_of(site: Site, sheet: Sheet) -> tuple[Standing, dict[Version, ImageReview]]:
    """What became of a decision, and what people said about its images."""
    decision = sheet.decision
    with Catalog.open(site.catalog_url) as catalog:
        said = _said(catalog, decision)
        publication = catalog.publication_of(decision.gate_id)
        if decision.verdict is Verdict.HOLD:
            return _held(catalog, decision, publication), said
        newest = catalog.history.publications(delivery_id=decision.delivery.delivery_id, limit=1)
    waits = _waiting_versions(site, decision)
    unseen, replaced = len(waits - said.keys()), _versions(sheet) - waits
    state = State.QUARANTINED if unseen else State.PUBLISHED
    if publication and publication.undone_by:
        state = State.TAKEN_BACK
    undoable = bool(publication and publication.by and publication.published and newest[0] == publication)
    at = publication.at if publication else None
    standing = Standing(
        state=state, at=at, unseen=unseen, publication=publication, undoable=undoable, replaced=replaced
    )
    return standing, said


def unseen_images(site: Site, decision: GateDecision) -> list[str]:
    """The ids of the quarantined images of a decision that wait and that no person said anything about."""
    with Catalog.open(site.catalog_url) as catalog:
        return sorted(version[0] for version in _unseen(site, catalog, decision))


def decisions_about(site: Site, delivery: DeliveryKey) -> tuple[DecisionOn, ...]:
    """The decisions about a delivery that held it or published, the newest first, whose tables are there."""
    with Catalog.open(site.catalog_url) as catalog:
        mine = [one for one in catalog.decisions_on(delivery.delivery_id, at_most=200) if one.delivery == delivery]
    tables = open_store(site.tables_url)
    newest: dict[str, datetime] = {}
    for one in mine:
        newest.setdefault(one.gate_id, one.at)
    found = ((at, _decision(site, gate_id)) for gate_id, at in newest.items())
    return tuple(
        DecisionOn(decision=decision, at=at, second_try=is_second_try(tables, decision.plan_id))
        for at, decision in found
        if decision is not None
    )


def newest_decision(site: Site, delivery: DeliveryKey) -> str:
    """The id of the newest decision about the whole delivery, or else about a second try of some of its images.

    Raises UnknownDecisionError.
    """
    found = decisions_about(site, delivery)
    if not found:
        raise UnknownDecisionError(f"the gate has not decided about {delivery} yet")
    return min(found, key=lambda one: one.second_try).decision.gate_id


def waiting(site: Site) -> list[Entry]:
    """Deliveries that ask a person for a decision: held ones, the oldest first."""
    with Catalog.open(site.catalog_url) as catalog:
        holds = catalog.holds.all_waiting()
    newest = {hold.delivery: hold.gate_id for hold in holds}
    return [_of_hold(site, hold, outdated=hold.gate_id != newest[hold.delivery]) for hold in holds]


def settled(site: Site, page: int) -> tuple[list[Entry], int]:
    """One page of the decisions that published or were rejected, the newest first, and the number of all.

    If images of a delivery are quarantined and nobody looked at them, its state says so.
    """
    with Catalog.open(site.catalog_url) as catalog:
        found, total = catalog.settled(at_most=ENTRIES_PER_PAGE, skip=ENTRIES_PER_PAGE * page)
        entries = [
            _of_rejection(site, one) if isinstance(one, HoldRejection) else _of_publication(site, catalog, one)
            for one in found
        ]
    return entries, total


def _held(catalog: Catalog, decision: GateDecision, publication: Publication | None) -> Standing:
    holds = catalog.holds.waiting(decision.gate_id)
    if holds:
        return Standing(state=State.HELD, at=holds[0].at, unseen=decision.held)
    rejection = catalog.holds.rejection_for(decision.judged)
    if rejection:
        return Standing(state=State.REJECTED, at=rejection.at, unseen=0, rejection=rejection)
    released = catalog.holds.approval_for(decision.judged) or publication
    found = [one for one in _publications(catalog, decision) if not released or _released(one, decision)]
    later = found[-1 if released else 0] if found else publication
    return Standing(
        state=State.PUBLISHED if released else State.REPLACED,
        at=later.at if later else None,
        unseen=0,
        publication=later,
        next_gate=later.gate_id if later else None,
    )


def _released(publication: Publication, decision: GateDecision) -> bool:
    """Whether it published content that a person had approved as that of the decision; the first one released it."""
    return publication.approval is not None and publication.approval.judged == decision.judged


def _publications(catalog: Catalog, decision: GateDecision) -> Iterator[Publication]:
    """The publications of the delivery of a hold, the newest first."""
    for one in catalog.decisions_on(decision.delivery.delivery_id, at_most=200):
        if isinstance(one, Publication) and one.delivery == decision.delivery:
            yield one


def _said(catalog: Catalog, decision: GateDecision) -> dict[Version, ImageReview]:
    reviews = catalog.reviews(decision.delivery.delivery_id)
    return {one.version: one for one in reviews}


def _waiting_versions(site: Site, decision: GateDecision) -> frozenset[Version]:
    return frozenset(versions(waiting_images(site, decision))) if decision.quarantined else frozenset()


def _versions(sheet: Sheet) -> frozenset[Version]:
    """The quarantined images of a decision."""
    return frozenset(versions(sheet.outcomes.take(pa.array(np.sort(sheet.rows(Show.WAITING))))))


def _unseen(site: Site, catalog: Catalog, decision: GateDecision) -> frozenset[Version]:
    """The quarantined images that wait and that no person said anything about."""
    return _waiting_versions(site, decision) - _said(catalog, decision).keys()


def _count_unseen(site: Site, catalog: Catalog, decision: GateDecision) -> int:
    try:
        return len(_unseen(site, catalog, decision))
    except DamagedError:  # the list must show the others
        return decision.quarantined


def _of_hold(site: Site, hold: Hold, *, outdated: bool) -> Entry:
    decision = _decision(site, hold.gate_id)
    return Entry(
        gate_id=hold.gate_id,
        delivery=hold.delivery,
        state=State.HELD,
        at=hold.at,
        decision=decision,
        unseen=decision.held if decision else 0,
        outdated=outdated,
    )


def _of_rejection(site: Site, one: HoldRejection) -> Entry:
    return Entry(
        gate_id=one.gate_id,
        delivery=one.delivery,
        state=State.REJECTED,
        at=one.at,
        decision=_decision(site, one.gate_id),
        by=one.by,
        why=one.why,
    )


def _of_publication(site: Site, catalog: Catalog, one: Publication) -> Entry:
    decision = _decision(site, one.gate_id)
    unseen = _count_unseen(site, catalog, decision) if decision else 0
    state = State.TAKEN_BACK if one.undone_by else State.QUARANTINED if unseen else State.PUBLISHED
    return Entry(
        gate_id=one.gate_id,
        delivery=one.delivery,
        state=state,
        at=one.at,
        decision=decision,
        by=one.by,
        why=one.because,
        unseen=unseen,
    )


def _decision(site: Site, gate_id: str) -> GateDecision | None:
    return find_record(open_store(site.tables_url), gate_file(gate_id, "decision.json"), GateDecision)
