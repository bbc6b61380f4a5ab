"""The lists of the page: verdicts, why images were kept back, which, and which were rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cutouts.core.decisions import KEPT_BACK, LIVE, GateDecision, Outcome, Verdict
from cutouts.core.text.sentences import promise_sentence
from cutouts.report.contents import key_in_words

_SHOWN = (*LIVE, *KEPT_BACK, Outcome.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One image in a list."""

    source: str
    delivery: str
    outcome: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """One delivery's decision, with its images by outcome; `promise` is empty if the site makes none."""

    decision: GateDecision
    held: bool
    promise: str
    counts: tuple[tuple[str, int], ...]


def verdicts(decisions: Iterable[GateDecision]) -> list[VerdictView]:
    """The decisions as they are shown: held deliveries first, then those with quarantined images."""
    views = [_view(decision) for decision in decisions]
    return sorted(views, key=lambda view: (not view.held, -view.decision.quarantined, str(view.decision.delivery)))


def _view(decision: GateDecision) -> VerdictView:
    return VerdictView(
        decision=decision,
        held=decision.verdict is Verdict.HOLD,
        promise="".join(promise_sentence(decision)),
        counts=counts_shown(decision),
    )


def counts_shown(decision: GateDecision) -> tuple[tuple[str, int], ...]:
    """The images by outcome, in the order in which they are shown."""
    return tuple((outcome.value, int(getattr(decision, outcome.value))) for outcome in _SHOWN)


def why(images: pa.Table) -> list[tuple[str, str, int]]:
    """Why images are not published: (outcome, reason, images), the most frequent first.

    Of a rejection only what stands before the colon, which is the same for all of its kind.
    """
    back = images.filter(pc.is_in(images["outcome"], pa.array([*KEPT_BACK, Outcome.REJECTED])))
    counts: Counter[tuple[str, str]] = Counter()
    for outcome, reasons in zip(back["outcome"].to_pylist(), back["reasons"].to_pylist(), strict=True):
        kinds = (reason.split(": ")[0] if outcome == Outcome.REJECTED else reason for reason in reasons or ())
        counts.update((outcome, kind) for kind in kinds)
    return [(outcome, reason, count) for (outcome, reason), count in counts.most_common()]


def returned_rows(images: pa.Table, order: NDArray[np.int64]) -> list[Row]:
    """Every quarantined and held image, the worst first."""
    ranked = images.take(pa.array(order))
    return _rows(ranked.filter(pc.is_in(ranked["outcome"], pa.array(KEPT_BACK))))


def rejected_rows(images: pa.Table) -> list[Row]:
    """Every rejected image in the order of the source."""
    return _rows(images.filter(pc.equal(images["outcome"], Outcome.REJECTED)))


def noted_rows(images: pa.Table) -> list[Row]:
    """Every image that was read with a note, in the order of the source; its notes as reasons."""
    noted = images.filter(pc.greater(pc.list_value_length(images["notes"]), 0))
    return _rows(noted, "notes")


def _rows(table: pa.Table, why: str = "reasons") -> list[Row]:
    columns = [table[name].to_pylist() for name in ("source", "date", "delivery_id", "outcome", why)]
    return [
        Row(source=source, delivery=key_in_words(day, delivery), outcome=outcome, reasons=tuple(reasons or ()))
        for source, day, delivery, outcome, reasons in zip(*columns, strict=True)
    ]
