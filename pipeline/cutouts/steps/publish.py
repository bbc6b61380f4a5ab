"""publish: writes one delivery's outcomes to the catalogue in one transaction; a held delivery needs a person's
release."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from cutouts.adapters.catalog import ENTRIES, Catalog
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_records import find_record
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.core.decisions import LIVE, GateDecision, Outcome, Verdict
from cutouts.core.errors import CutoutsError, HeldError, OvertakenError
from cutouts.core.publications import Approval, Draft, Hold, HoldRejection, Order, Publication
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import gate_file
from cutouts.core.text.display import shown
from cutouts.steps.gate import gate, missing
from cutouts.steps.journal import journalled, newest_catalog
from cutouts.steps.journal_age import require_unsettled
from cutouts.steps.lease import at_work
from cutouts.steps.networks import RECIPE, versions
from cutouts.steps.reviews import reviews_of
from cutouts.steps.shell_commands import approve_command, reject_command
from cutouts.steps.stored_keys import decision_of

_ROWS = 10_000
"""Entries that are sent to the catalogue at a time."""
_VERSION = ("image_id", "sha256", *RECIPE, "outcome")


def read_decision(site: Site, gate_id: str) -> GateDecision:
    """The gate's decision with that id. Raises StorageError if there is none."""
    require_type("site", site, Site)
    return decision_of(open_store(site.tables_url), gate_id)


@at_work
def publish(site: Site, gate_id: str) -> Publication:
    """Publish what the gate let through, exactly once, however often this is called.

    A decision is published only if the live version is still the one that it was made against. If something else was
    published since, or a person released the delivery since, it is judged again. Raises HeldError if the delivery is
    held (`approve` releases it), OvertakenError if another version of the delivery was published meanwhile.
    """
    decision = read_decision(site, gate_id)
    with journalled(site) as catalog:
        while True:
            decision = _released(site, catalog, decision)
            try:
                return _publish(site, catalog, decision)
            except OvertakenError:
                decision = _judged_again(site, catalog, decision)


def _released(site: Site, catalog: Catalog, decision: GateDecision) -> GateDecision:
    """The decision; a hold that a person has released since is judged again. Raises HeldError if nobody released it."""
    if decision.verdict is Verdict.HOLD and catalog.holds.approval_for(decision.judged) is not None:
        decision = _judged_again(site, catalog, decision)
    if decision.verdict is Verdict.HOLD:
        if rejected := catalog.holds.rejection_for(decision.judged):
            raise HeldError(
                f"delivery {shown(decision.delivery)} was rejected by {shown(rejected.by)}: {shown(rejected.why)}. "
                "Nothing of it is published. Deliver it again with other photographs"
            )
        raise HeldError(
            f"delivery {shown(decision.delivery)} is held: {'; '.join(decision.reasons)}. "
            f"Look at it, then reject it with\n  {reject_command(site, decision.gate_id)}\n"
            f"or release it with\n  {approve_command(site, decision.gate_id)}"
        )
    return decision


def _publish(site: Site, catalog: Catalog, decision: GateDecision) -> Publication:
    draft = Draft(
        gate_id=decision.gate_id,
        plan_id=decision.plan_id,
        delivery=decision.delivery,
        at=datetime.now(UTC),
        against=decision.against,
        approval=catalog.holds.approval_for(decision.judged),
        withdraw=_withdrawn(site, catalog, decision) if decision.full else None,
        order=_released_by(site, catalog, decision),
        partial=decision.partial,
    )
    return catalog.publish(_entries(open_store(site.tables_url), decision), draft)


def _released_by(site: Site, catalog: Catalog, decision: GateDecision) -> Order | None:
    """The newest order of a person who released images of the decision one by one; None if there is none."""
    reviews = {one.version: one for one in catalog.reviews(decision.delivery.delivery_id) if one.good}
    if not reviews:
        return None
    outcomes = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"), _VERSION)
    published = outcomes.filter(pc.equal(outcomes.column("outcome"), str(Outcome.PUBLISHED)))
    words = [reviews[version] for version in versions(published) if version in reviews]
    if not words:
        return None
    newest = max(words, key=lambda one: one.at)
    return Order(by=newest.by, because=newest.why, at=newest.at)


def _withdrawn(site: Site, catalog: Catalog, decision: GateDecision) -> tuple[str, ...]:
    """The ids of images that are live under the delivery's id but not in it, and that nobody brought back. They are the
    judged ones, because publishing compares the version."""
    outcomes = read_table(open_store(site.tables_url), gate_file(decision.gate_id, "outcomes.parquet"), ["image_id"])
    left_out = missing(catalog.published(decision.delivery.delivery_id), outcomes, decision.delivery)
    kept = catalog.brought_back(decision.delivery)
    return tuple(one for one in left_out if one not in kept)


def _judged_again(site: Site, catalog: Catalog, decision: GateDecision) -> GateDecision:
    """Judge again with what is live now. Raises OvertakenError if it would undo another version of the same
    delivery."""
    again = gate(site, decision.plan_id)
    changes = again.published or again.held or again.withdrawn
    if changes and catalog.overtaken(decision.delivery, against=decision.against, plan_id=decision.plan_id):
        raise OvertakenError(
            f"another version of delivery {decision.delivery} was published after plan {decision.plan_id} was judged. "
            "Nothing was published. Plan the delivery again if its manifest is to replace that version"
        )
    return again


def waiting_hold(site: Site, named: str | DeliveryKey) -> Hold:
    """The one decision that waits for a person under that gate id, delivery id or delivery key.

    Raises CutoutsError if there is none, HeldError if there are several: a person must say which one was looked at, and
    the error lists them.
    """
    named = str(named)
    with newest_catalog(site) as catalog:
        holds, word = catalog.holds.waiting(named), catalog.holds.word_about(named)
    if len(holds) == 1:
        return holds[0]
    if not holds:
        raise CutoutsError(f"{shown(named)} is not held{_settled_by(word)}")
    raise HeldError(
        f"{len(holds)} versions of {shown(named)} are held. Release the one that you looked at:\n"
        + "\n".join(f"{hold.words}\n  {approve_command(site, hold.gate_id)}" for hold in holds)
    )


def _settled_by(word: Approval | HoldRejection | None) -> str:
    """Who settled a hold, and why, to end a sentence."""
    if word is None:
        return ""
    done = "released" if isinstance(word, Approval) else "rejected"
    return f": {shown(word.by)} {done} it: {shown(word.why)}"


@at_work
def approve(
    site: Site,
    named: str | DeliveryKey,
    *,
    by: str,
    why: str,
    but: Mapping[str, str] | None = None,
    also: Collection[str] = (),
) -> Publication:
    """Release the hold that `waiting_hold` finds, in the name of a person, judge it again, and publish it.

    Individually bad images stay in quarantine, except those in `also`, which the person releases one by one. The images
    in `but` (image id: reason, or "" for `why`) are rejected: they are quarantined for that reason. If `named` is the
    id of a decision that held nothing, only its quarantined images in `also` are released, unless that would replace
    another version of the delivery that was published since: then OvertakenError is raised. Raises the errors of
    `waiting_hold`, and CutoutsError for images that do not wait for a person, or if somebody else released it before.
    """
    order = Order(by=by, because=why, at=datetime.now(UTC))
    if also and (decision := _not_held(site, named)):
        with _turn(site, decision.delivery):
            return _release_images(site, decision, also, but or {}, order)
    hold = waiting_hold(site, named)
    with _turn(site, hold.delivery):
        return _release(site, hold, also, but or {}, order)


def _release_images(
    site: Site, decision: GateDecision, good: Collection[str], bad: Mapping[str, str], order: Order
) -> Publication:
    """Release quarantined images of a decision that held nothing."""
    reviews = reviews_of(site, decision, good=good, bad=bad, order=order)
    with journalled(site) as catalog:
        if catalog.overtaken(decision.delivery, against=decision.against, plan_id=decision.plan_id):
            _judged_again(site, catalog, decision)
        catalog.review(decision.delivery, reviews)
    return publish(site, gate(site, decision.plan_id).gate_id)


def _release(site: Site, hold: Hold, good: Collection[str], bad: Mapping[str, str], order: Order) -> Publication:
    """Release a hold. Raises CutoutsError if somebody else did before."""
    reviews = reviews_of(site, read_decision(site, hold.gate_id), good=good, bad=bad, order=order)
    approval = Approval(
        judged=hold.judged,
        gate_id=hold.gate_id,
        delivery=hold.delivery,
        by=order.by,
        why=order.because,
        at=order.at,
    )
    with journalled(site) as catalog:
        require_unsettled(open_store(site.tables_url), catalog, hold)
        first = catalog.holds.approve(approval, reviews)
        said = {(one.version, one.good) for one in catalog.reviews(hold.delivery.delivery_id)}
    done = publish(site, gate(site, hold.plan_id).gate_id)
    if (first.by, first.why) != (order.by, order.because) or not {(one.version, one.good) for one in reviews} <= said:
        raise CutoutsError(
            f"{shown(first.by)} released {shown(first.delivery)} before: {shown(first.why)}. Your decision was not "
            "recorded"
        )
    return done


@contextmanager
def _turn(site: Site, delivery: DeliveryKey) -> Iterator[None]:
    """Decide about a delivery id while nobody else does: from the look at its images until they are published."""
    with Catalog.open(site.catalog_url) as catalog, catalog.holds.turn(delivery):
        yield


@at_work
def keep_back(site: Site, gate_id: str, images: Mapping[str, str], *, by: str, why: str) -> None:
    """Record that a person looked at quarantined images of a decision and rejects them (image id: reason, or "").

    They stay in quarantine, whatever the expectations say later. Raises CutoutsError for images that do not wait.
    """
    decision = read_decision(site, gate_id)
    order = Order(by=by, because=why, at=datetime.now(UTC))
    with _turn(site, decision.delivery), journalled(site) as catalog:
        catalog.review(decision.delivery, reviews_of(site, decision, good=(), bad=images, order=order))


def _not_held(site: Site, named: str | DeliveryKey) -> GateDecision | None:
    """The decision with that id if it held nothing; None if it is held or is not the id of a decision."""
    decision = find_record(open_store(site.tables_url), gate_file(str(named), "decision.json"), GateDecision)
    return decision if decision and decision.verdict is not Verdict.HOLD else None


def reject(site: Site, named: str | DeliveryKey, *, by: str, why: str) -> HoldRejection:
    """Reject the hold that `waiting_hold` finds, in the name of a person: it is never published. Raises the errors of
    `waiting_hold`.

    The same content with the same recipe and suite does not wait for a person again.
    """
    hold = waiting_hold(site, named)
    with journalled(site) as catalog:
        require_unsettled(open_store(site.tables_url), catalog, hold)
        return catalog.holds.reject(
            HoldRejection(
                judged=hold.judged, gate_id=hold.gate_id, delivery=hold.delivery, by=by, why=why, at=datetime.now(UTC)
            )
        )


def waiting_holds(site: Site) -> tuple[Hold, ...]:
    """Every decision that waits for a person, oldest first."""
    with newest_catalog(site) as catalog:
        return catalog.holds.all_waiting()


def _entries(tables: Store, decision: GateDecision) -> Iterator[pa.RecordBatch]:
    """The rows that should be live: published images, and skipped ones, so that the catalogue knows they were delivered
    again."""
    outcomes = read_table(tables, gate_file(decision.gate_id, "outcomes.parquet"), [*ENTRIES.names, "outcome"])
    live = pc.is_in(outcomes.column("outcome"), pa.array(LIVE))
    yield from outcomes.filter(live).to_batches(max_chunksize=_ROWS)
