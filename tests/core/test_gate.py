"""The outcome of a delivery and of each of its images."""

from __future__ import annotations

import pytest

from cutouts.core.decisions import Outcome, Verdict
from cutouts.core.errors import BooksError
from cutouts.core.gate import ALREADY_PUBLISHED, RELEASED, REPLACED, Decision, FailedExpectation, Judgement, decide

IMAGES = ("a", "b", "c", "d", "e")
EMPTY = FailedExpectation(words="the matte is empty", image_ids=frozenset({"b", "c"}))
SOFT = FailedExpectation(words="the product is half transparent", image_ids=frozenset({"c"}))
HOLD = "too many images are bad"


def decided(
    *,
    findings: tuple[FailedExpectation, ...] = (),
    holds: tuple[str, ...] = (),
    rejections: dict[str, str] | None = None,
    published: dict[str, str] | None = None,
    approved: bool = False,
) -> Decision:
    """The decision on five images, checked to balance."""
    judgement = Judgement(outcomes=(), findings=findings, holds=holds)
    decision = decide(IMAGES, judgement, rejections=rejections or {}, published=published or {}, approved=approved)
    assert sum(decision.count(outcome) for outcome in Outcome) == len(IMAGES) == len(decision.image_reasons)
    return decision


def of(decision: Decision, image_id: str) -> tuple[Outcome, tuple[str, ...]]:
    """Outcome and reasons of one image."""
    place = IMAGES.index(image_id)
    return decision.outcomes[place], decision.image_reasons[place]


def test_a_delivery_without_findings_is_published() -> None:
    """No image has a reason."""
    decision = decided()
    assert decision.verdict is Verdict.PUBLISH
    assert set(decision.outcomes) == {Outcome.PUBLISHED}
    assert decision.reasons == ()
    assert set(decision.image_reasons) == {()}


def test_images_with_findings_are_quarantined_with_every_reason_and_the_rest_is_published() -> None:
    """An image may fail several expectations, and all of them are reported."""
    decision = decided(findings=(EMPTY, SOFT))
    assert decision.verdict is Verdict.PUBLISH_ALL_BUT_QUARANTINED
    assert of(decision, "a") == (Outcome.PUBLISHED, ())
    assert of(decision, "b") == (Outcome.QUARANTINED, (EMPTY.words,))
    assert of(decision, "c") == (Outcome.QUARANTINED, (EMPTY.words, SOFT.words))
    assert decision.reasons == (f"2 images: {EMPTY.words}", f"1 image: {SOFT.words}")


def test_rejected_images_do_not_stop_the_others() -> None:
    """They are listed with their reason, and counted by reason; the verdict is about the images that could be cut."""
    unread = {name: f"the file cannot be read: {name}" for name in "bc"}
    decision = decided(rejections={"a": "the file is empty", **unread})
    assert decision.verdict is Verdict.PUBLISH
    assert of(decision, "b") == (Outcome.REJECTED, ("the file cannot be read: b",))
    assert decision.count(Outcome.PUBLISHED) == 2
    assert decision.reasons == ("1 image: the file is empty", "2 images: the file cannot be read")


def test_a_held_delivery_publishes_nothing() -> None:
    """Good images are held for the delivery's reason, bad ones for their own too, and rejected ones stay rejected."""
    decision = decided(findings=(SOFT,), holds=(HOLD,), rejections={"a": "the file is empty"})
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons == (HOLD, f"1 image: {SOFT.words}", "1 image: the file is empty")
    assert of(decision, "a") == (Outcome.REJECTED, ("the file is empty",))
    assert of(decision, "b") == (Outcome.HELD, (HOLD,))
    assert of(decision, "c") == (Outcome.HELD, (HOLD, SOFT.words))
    assert decision.count(Outcome.PUBLISHED) == decision.count(Outcome.QUARANTINED) == 0


def test_an_approval_releases_the_delivery_but_not_its_bad_images() -> None:
    """A person lifts the hold, but each image with a finding still waits."""
    decision = decided(findings=(EMPTY,), holds=(HOLD,), approved=True)
    assert decision.verdict is Verdict.PUBLISH_ALL_BUT_QUARANTINED
    assert decision.count(Outcome.PUBLISHED) == 3
    assert of(decision, "b") == (Outcome.QUARANTINED, (EMPTY.words,))
    assert decision.reasons == (HOLD, RELEASED, f"2 images: {EMPTY.words}")


def test_an_approval_of_a_delivery_that_is_not_held_changes_nothing() -> None:
    """It is not reported as a release."""
    assert decided(findings=(EMPTY,), approved=True) == decided(findings=(EMPTY,))


@pytest.mark.parametrize("holds", [(), (HOLD,)])
def test_published_images_are_skipped_whatever_is_found_now(holds: tuple[str, ...]) -> None:
    """This holds in a held delivery too."""
    decision = decided(findings=(EMPTY,), holds=holds, published={"a": ALREADY_PUBLISHED, "b": REPLACED})
    assert of(decision, "a") == (Outcome.SKIPPED, (ALREADY_PUBLISHED,))
    assert of(decision, "b") == (Outcome.SKIPPED, (REPLACED,))
    assert decision.count(Outcome.SKIPPED) == 2


def test_a_delivery_that_is_already_published_is_skipped_as_a_whole() -> None:
    """A rerun has nothing to do, and nothing is held."""
    decision = decided(published=dict.fromkeys(IMAGES, ALREADY_PUBLISHED))
    assert decision.verdict is Verdict.PUBLISH
    assert decision.count(Outcome.SKIPPED) == 5


def test_a_delivery_of_broken_files_balances() -> None:
    """All images may be rejected, and then nothing is published."""
    decision = decided(rejections=dict.fromkeys(IMAGES, "the file is not an image"))
    assert decision.count(Outcome.REJECTED) == 5


@pytest.mark.parametrize(
    ("findings", "rejections", "words"),
    [
        ((FailedExpectation(words="soft", image_ids=frozenset({"z"})),), {}, "findings about images"),
        ((), {"z": "the file is empty"}, "rejections of images"),
        ((SOFT,), {"c": "the file is empty"}, "rejected images cannot fail"),
    ],
    ids=["a finding about a stranger", "a rejected stranger", "a finding about a rejected image"],
)
def test_counts_that_do_not_balance_are_an_error(
    findings: tuple[FailedExpectation, ...], rejections: dict[str, str], words: str
) -> None:
    """They are not a decision."""
    with pytest.raises(BooksError, match=words):
        decided(findings=findings, rejections=rejections)


def test_a_duplicate_image_is_refused() -> None:
    """It would be counted twice."""
    with pytest.raises(BooksError, match="duplicate image_id"):
        decide(("a", "a"), Judgement(outcomes=(), findings=(), holds=()), rejections={}, published={})
