"""The outcome of a delivery and of each of its images, once its masks have been judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cutouts.core.decisions import ExpectationOutcome, Outcome, Verdict
from cutouts.core.errors import BooksError
from cutouts.core.text.counting import counted

ALREADY_PUBLISHED = "already published with this content and recipe"
"""The reason of a skipped image."""
REPLACED = "a later delivery of this image is published"
"""The reason of a skipped image whose live version has other content."""
MANY_WITHDRAWN, MANY_OF_LIVE = 5, 0.3
"""A full delivery is held if it withdraws at least this many images and more than this share of those that are live."""
RELEASED = "released by a person"
"""Added to the reasons of a hold that was approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedExpectation:
    """The images of a delivery that fail one expectation and are therefore not published; `words` say why."""

    words: str
    image_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The results of the expectations for a delivery.

    `findings` are expectations that single images fail. `holds` are the reasons to hold the delivery as a whole, and
    `warnings` what is only reported.
    """

    outcomes: tuple[ExpectationOutcome, ...]
    findings: tuple[FailedExpectation, ...]
    holds: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on a delivery and the outcome of each image, in the order given; each with its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    image_reasons: tuple[tuple[str, ...], ...]

    def count(self, outcome: Outcome) -> int:
        """How many images have this outcome."""
        return self.outcomes.count(outcome)


def decide(
    image_ids: Sequence[str],
    judgement: Judgement,
    *,
    rejections: Mapping[str, str],
    published: Mapping[str, str],
    taken_back: Mapping[str, str] | None = None,
    approved: bool = False,
    released: Collection[str] = (),
) -> Decision:
    """The outcome of every image of a delivery. Each of `image_ids` gets exactly one.

    - An image that is already `published` (image_id: reason) is skipped, whatever else applies.
    - An image in `rejections` (image_id: reason) is rejected.
    - If the judgement holds the delivery, every other image is held, for that reason and for its own if it has one.
    - Otherwise every other image with a finding, or that a person had `taken_back` (image_id: reason), is quarantined,
      and the rest is published.
    - `approved` says that a person released the delivery: nothing is held, but findings about single images apply.
    - Findings do not apply to images that a person `released` one by one.

    Raises BooksError if an id occurs twice, if rejections or findings are about images that are not in the delivery, or
    if findings are about rejected images.
    """
    _check_books(image_ids, judgement.findings, rejections)
    judgement, let_through = _without(judgement, released)
    findings = _findings_by_image(judgement.findings)
    _add_taken_back(findings, taken_back or {})
    holds = () if approved else judgement.holds
    decided = [_outcome(image_id, findings, rejections, published, holds) for image_id in image_ids]
    counts = Counter(outcome for outcome, _ in decided)
    verdict = Verdict.PUBLISH_ALL_BUT_QUARANTINED if counts[Outcome.QUARANTINED] else Verdict.PUBLISH
    return Decision(
        verdict=Verdict.HOLD if holds else verdict,
        reasons=(
            *_reasons(judgement, taken_back or {}, approved=approved, let_through=let_through),
            *_rejected(reasons[0] for outcome, reasons in decided if outcome is Outcome.REJECTED),
        ),
        outcomes=tuple(outcome for outcome, _ in decided),
        image_reasons=tuple(reasons for _, reasons in decided),
    )


def with_withdrawals(judgement: Judgement, *, leaving: int, live: int, staying: int) -> Judgement:
    """The judgement of a full delivery that withdraws `leaving` of its `live` images: many hold it. `staying` are those
    that it leaves out too, but that a person brought back."""
    if staying:
        one = staying == 1
        words = f"{counted(staying, 'image')} {'stays' if one else 'stay'} live, because a person brought "
        words += f"{'it' if one else 'them'} back by undoing a full delivery of this day or a later one"
        judgement = replace(judgement, warnings=(*judgement.warnings, words))
    if leaving < MANY_WITHDRAWN or leaving <= MANY_OF_LIVE * live:
        return judgement
    words = f"it would withdraw {leaving} of the {counted(live, 'live image')} of its delivery id"
    return replace(judgement, holds=(*judgement.holds, words))


def of_second_try(judgement: Judgement) -> Judgement:
    """The judgement of quarantined images that were cut again: what would hold a delivery is only reported.

    Their delivery was judged as a whole when they were quarantined, with all of them counted as bad. They were chosen
    because they are difficult, so the share of bad ones among them says nothing about the delivery.
    """
    told = tuple(f"not applied to a second try: {words}" for words in judgement.holds)
    return replace(judgement, holds=(), warnings=(*judgement.warnings, *told))


def _outcome(
    image_id: str,
    findings: Mapping[str, tuple[str, ...]],
    rejections: Mapping[str, str],
    published: Mapping[str, str],
    holds: tuple[str, ...],
) -> tuple[Outcome, tuple[str, ...]]:
    if image_id in published:
        return Outcome.SKIPPED, (published[image_id],)
    if image_id in rejections:
        return Outcome.REJECTED, (rejections[image_id],)
    own = findings.get(image_id, ())
    if holds:
        return Outcome.HELD, (*holds, *own)
    return (Outcome.QUARANTINED if own else Outcome.PUBLISHED), own


def _findings_by_image(findings: Sequence[FailedExpectation]) -> dict[str, tuple[str, ...]]:
    by_image: dict[str, tuple[str, ...]] = {}
    for finding in findings:
        for image_id in finding.image_ids:
            by_image[image_id] = (*by_image.get(image_id, ()), finding.words)
    return by_image


def _add_taken_back(findings: dict[str, tuple[str, ...]], taken_back: Mapping[str, str]) -> None:
    for image_id, words in taken_back.items():
        findings[image_id] = (*findings.get(image_id, ()), words)


def _without(judgement: Judgement, released: Collection[str]) -> tuple[Judgement, int]:
    """The judgement without findings about released images, and the number of images that had one."""
    free = frozenset(released)
    had = frozenset[str]().union(*(finding.image_ids & free for finding in judgement.findings))
    if not had:
        return judgement, 0
    findings = tuple(replace(finding, image_ids=finding.image_ids - free) for finding in judgement.findings)
    return replace(judgement, findings=findings), len(had)


def _reasons(
    judgement: Judgement, taken_back: Mapping[str, str], *, approved: bool, let_through: int
) -> tuple[str, ...]:
    released = [RELEASED] if approved and judgement.holds else []
    released += [f"{counted(let_through, 'image')}: {RELEASED} one by one"] if let_through else []
    findings = (
        f"{counted(len(finding.image_ids), 'image')}: {finding.words}"
        for finding in judgement.findings
        if finding.image_ids
    )
    undone = (f"{counted(count, 'image')}: {words}" for words, count in Counter(taken_back.values()).items())
    return (*judgement.holds, *released, *findings, *undone)


def _rejected(words: Iterable[str]) -> Iterator[str]:
    """How many images were rejected for each reason, without the details of single images."""
    for reason, count in Counter(one.partition(": ")[0] for one in words).items():
        yield f"{counted(count, 'image')}: {reason}"


def _check_books(image_ids: Sequence[str], findings: Sequence[FailedExpectation], rejections: Collection[str]) -> None:
    delivery = set(image_ids)
    if len(delivery) != len(image_ids):
        raise BooksError(
            f"duplicate image_id in the delivery: {counted(len(image_ids) - len(delivery), 'row')} too many"
        )
    if strangers := set(rejections) - delivery:
        raise BooksError(f"rejections of images that are not in the delivery: {len(strangers)}")
    for finding in findings:
        if unknown := finding.image_ids - delivery:
            raise BooksError(f"findings about images that are not in the delivery: {len(unknown)}")
        if not finding.image_ids.isdisjoint(rejections):
            raise BooksError(f"rejected images cannot fail an expectation, but some do: {finding.words}")
