"""Holds and approvals are each recorded once and decide what may be published."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.decisions import Verdict
from cutouts.core.errors import CutoutsError
from cutouts.core.publications import Draft
from tests.adapters.catalog.made import MONDAY, NOON, TUESDAY, approval, entry, held, hold_of, rejection


@pytest.mark.parametrize("name", ["gate", "acme", "2026-11-16/acme"])
def test_a_hold_is_found_by_its_gate_and_by_its_delivery(catalog: Catalog, name: str) -> None:
    """It is found by the decision's id, by the delivery's id or by the whole key, with its reasons."""
    catalog.holds.record(held("gate"), NOON)
    assert catalog.holds.waiting(name) == (hold_of(held("gate")),)
    assert catalog.holds.waiting("2026-11-17/acme") == catalog.holds.waiting("nobody") == ()


def test_every_held_version_is_listed(catalog: Catalog) -> None:
    """The oldest comes first; of several decisions over the same content only the newest counts, whatever its day."""
    catalog.holds.record(held("tuesday", TUESDAY, judged="judged-2"), NOON)
    catalog.holds.record(held("monday"), NOON + timedelta(hours=1))
    catalog.holds.record(held("monday again"), NOON + timedelta(hours=2))
    by_id, by_key = catalog.holds.waiting("acme"), catalog.holds.waiting("2026-11-16/acme")
    assert [hold.gate_id for hold in by_id] == ["tuesday", "monday again"]
    assert [hold.gate_id for hold in by_key] == ["monday again"]


def test_a_delivery_id_may_look_like_a_key(catalog: Catalog) -> None:
    """Suppliers choose the names of their deliveries."""
    odd = replace(MONDAY, delivery_id="2026-01-01/acme")
    catalog.holds.record(held("gate", odd), NOON)
    for name in ("2026-01-01/acme", "2026-11-16/2026-01-01/acme"):
        assert catalog.holds.waiting(name) == (hold_of(held("gate", odd)),)


def test_a_version_that_was_held_later_still_waits_if_an_older_one_is_released(catalog: Catalog) -> None:
    """The person looked at the older one only. Once the newer one is released too, nothing waits any more."""
    first, second = held("first"), held("second", judged="judged-2")
    catalog.holds.record(first, NOON)
    catalog.holds.record(second, NOON + timedelta(hours=1))
    for hours, gate_id, judged in ((2, "first", "judged-1"), (3, "second", "judged-2")):
        at = NOON + timedelta(hours=hours)
        catalog.holds.approve(replace(approval(gate_id, judged=judged), at=at))
        assert hold_of(second).gate_id in {hold.gate_id for hold in catalog.holds.waiting("acme")}
        released = catalog.holds.approval_for(judged)
        catalog.publish(
            [], Draft(gate_id=f"{gate_id} released", plan_id="plan", delivery=MONDAY, at=at, approval=released)
        )
    assert catalog.holds.waiting("acme") == ()


def test_a_held_version_is_settled_if_a_version_that_was_released_before_returns(catalog: Catalog) -> None:
    """The supplier delivered the released photographs again, so nobody has to look at the others."""
    catalog.holds.record(held("first"), NOON)
    catalog.holds.approve(replace(approval("first"), at=NOON + timedelta(hours=1)))
    catalog.holds.record(held("second", judged="judged-2"), NOON + timedelta(hours=2))
    released = catalog.holds.approval_for("judged-1")
    at = NOON + timedelta(hours=3)
    catalog.publish([], Draft(gate_id="again", plan_id="plan", delivery=MONDAY, at=at, approval=released))
    assert catalog.holds.waiting("acme") == ()


def test_a_hold_and_its_approval_are_both_recorded(catalog: Catalog) -> None:
    """Who released what, why and when stays on record beside the hold, even after publishing."""
    catalog.holds.record(held("gate"), NOON)
    assert catalog.holds.approval_for("judged-1") is None
    catalog.holds.approve(approval("gate"))
    assert catalog.holds.approval_for("judged-1") == approval("gate")
    done = catalog.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
    assert done.approval == approval("gate")
    assert catalog.holds.waiting("acme") == ()
    counts = catalog.counts()
    assert (counts.holds, counts.approvals, counts.waiting, counts.publications) == (1, 1, 0, 1)


def test_recording_again_changes_nothing(catalog: Catalog) -> None:
    """If the gate is retried or an approval is repeated, the first record stays."""
    for _ in range(2):
        catalog.holds.record(held("gate"), NOON)
    catalog.holds.approve(approval("gate"))
    assert catalog.holds.approve(replace(approval("gate"), by="Bob")) == approval("gate")
    counts = catalog.counts()
    assert (counts.holds, counts.approvals) == (1, 1)


def test_an_approved_hold_waits_until_it_is_published(catalog: Catalog) -> None:
    """A process that was interrupted between approving and publishing finds the hold again."""
    catalog.holds.record(held("gate"), NOON)
    catalog.holds.approve(approval("gate"))
    assert catalog.holds.waiting("acme") == (hold_of(held("gate")),)


def test_a_hold_is_settled_by_a_later_publication_of_its_delivery(catalog: Catalog) -> None:
    """A replaced version is no longer offered for approval; an earlier publication settles nothing."""
    catalog.publish([], Draft(gate_id="before", plan_id="plan", delivery=MONDAY, at=NOON - timedelta(hours=1)))
    catalog.holds.record(held("gate"), NOON)
    assert catalog.counts().waiting == 1
    catalog.publish([], Draft(gate_id="fixed", plan_id="plan", delivery=MONDAY, at=NOON + timedelta(hours=1)))
    assert catalog.holds.waiting("acme") == ()


def test_a_held_delivery_is_not_published(catalog: Catalog) -> None:
    """The database refuses to publish it without a person's release."""
    catalog.holds.record(held("gate"), NOON)
    with pytest.raises(CutoutsError, match="--approve"):
        catalog.publish([entry("a")], Draft(gate_id="gate", plan_id="plan", delivery=MONDAY, at=NOON))
    assert catalog.counts().images == 0


def test_a_later_gate_publishes_with_the_approval_of_the_held_one(catalog: Catalog) -> None:
    """The decision that takes the approval into account has its own gate id, and its approval is recorded with it."""
    catalog.holds.record(held("held"), NOON)
    released = approval("held")
    done = catalog.publish([], Draft(gate_id="new", plan_id="plan", delivery=MONDAY, at=NOON, approval=released))
    assert done.approval == released
    assert catalog.holds.approval_for("judged-1") == released


def test_an_approval_of_something_else_does_not_release_a_hold(catalog: Catalog) -> None:
    """A release applies only to the content, recipe and suite that were reviewed."""
    catalog.holds.record(held("old"), NOON)
    catalog.holds.record(held("new", judged="judged-2"), NOON)
    with pytest.raises(CutoutsError, match="is held"):
        catalog.publish([], Draft(gate_id="new", plan_id="p", delivery=MONDAY, at=NOON, approval=approval("old")))
    assert catalog.holds.approval_for("judged-1") is None


@pytest.mark.parametrize("wrong", [approval("unknown"), approval("gate", TUESDAY), approval("gate", judged="judged-2")])
def test_approving_what_was_not_held_is_refused(catalog: Catalog, wrong: object) -> None:
    """An unknown gate, another delivery and other content cannot be approved."""
    catalog.holds.record(held("gate"), NOON)
    with pytest.raises(CutoutsError, match="held"):
        catalog.holds.approve(wrong)  # type: ignore[arg-type] # parametrised
    assert catalog.counts().approvals == 0


def test_only_holds_are_recorded_as_holds(catalog: Catalog) -> None:
    """A decision to publish is not recorded as a hold."""
    with pytest.raises(ValueError, match="did not hold"):
        catalog.holds.record(replace(held("gate"), verdict=Verdict.PUBLISH), NOON)


def test_a_rejected_hold_is_no_longer_listed(catalog: Catalog) -> None:
    """Other decisions over the same content are not listed either; who rejected it, why and when stays on record."""
    catalog.holds.record(held("monday"), NOON)
    catalog.holds.record(held("tuesday", TUESDAY), NOON)
    catalog.holds.record(held("other", judged="judged-2"), NOON)
    assert [hold.gate_id for hold in catalog.holds.all_waiting()] == ["other", "tuesday"]
    assert catalog.holds.reject(rejection("monday")) == rejection("monday")
    assert catalog.holds.reject(replace(rejection("monday"), by="Bob")) == rejection("monday")
    catalog.holds.record(held("again"), NOON + timedelta(days=1))
    assert catalog.holds.rejection_for("judged-1") == rejection("monday")
    assert catalog.holds.rejection_for("judged-2") is None
    assert [hold.gate_id for hold in catalog.holds.all_waiting()] == ["other"]
    assert catalog.counts().waiting == 1


def test_the_first_of_release_and_rejection_counts(catalog: Catalog) -> None:
    """A person cannot unknowingly overturn what another one decided."""
    catalog.holds.record(held("gate"), NOON)
    catalog.holds.record(held("other", judged="judged-2"), NOON)
    catalog.holds.approve(approval("gate"))
    with pytest.raises(CutoutsError, match="released by Ada: looked at them all"):
        catalog.holds.reject(rejection("gate"))
    catalog.holds.reject(rejection("other", judged="judged-2"))
    with pytest.raises(CutoutsError, match="rejected by Ada: all are dark"):
        catalog.holds.approve(approval("other", judged="judged-2"))


@pytest.mark.parametrize(
    "wrong", [rejection("unknown"), rejection("gate", TUESDAY), rejection("gate", judged="judged-2")]
)
def test_rejecting_what_was_not_held_is_refused(catalog: Catalog, wrong: object) -> None:
    """An unknown gate, another delivery and other content cannot be rejected."""
    catalog.holds.record(held("gate"), NOON)
    with pytest.raises(CutoutsError, match="held"):
        catalog.holds.reject(wrong)  # type: ignore[arg-type] # parametrised
    assert len(catalog.holds.all_waiting()) == 1
