"""The promise that at most a share of what is published is bad: which p_bad may be published, and on what evidence.

Learn then test (Angelopoulos et al. 2021, arXiv 2110.01052; the risk is a share of what is published, for which the
bound in expectation of conformal risk control, arXiv 2208.02814, does not hold). The masks of a calibration that it was
not fitted on are sorted by p_bad. The fewest that can carry the promise are tested first, then one mask more at a time,
until the exact upper bound on the share of bad ones exceeds the promise. Testing in a fixed order needs no correction
for many tests. So with the stated confidence the promise holds for images like those masks, if masks with a larger
p_bad are not less often bad.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cutouts.core.confidence import CONFIDENCE, at_most, fewest, upper_bound
from cutouts.core.decisions import AppliedPromise, ExpectationOutcome, PromiseLimit
from cutouts.core.errors import GateError
from cutouts.core.gate import FailedExpectation, Judgement
from cutouts.core.pixels import Doubles, Mask
from cutouts.core.text.counting import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMasks:
    """What a calibration says of masks that it was not fitted on, of one network: `p_bad` of the good and of the bad
    ones, sorted. `category` is that of a manifest, None if they are of any."""

    matte_digest: str
    category: str | None
    good: tuple[float, ...]
    bad: tuple[float, ...]


def limits(checked: Iterable[CheckedMasks], share: float) -> tuple[PromiseLimit, ...]:
    """The largest p_bad that may be published: for all masks, and before it for each category with enough of its own.

    Of a category with enough masks that cannot keep the promise, nothing may be published: its limit is 0. Raises
    GateError if all masks together are too few, or too often bad, for the promise, with the smallest possible one.
    """
    masks = list(checked)
    found = largest_limit(masks, share)
    if found is None:
        raise GateError(_refusal(masks, share))
    own = {one.category: one for one in masks if one.category is not None and _count(one) >= fewest(share, CONFIDENCE)}
    return (*(_of_category(one, share) for _, one in sorted(own.items())), found)


def largest_limit(masks: Sequence[CheckedMasks], share: float) -> PromiseLimit | None:
    """The largest p_bad at which at most `share` of the masks below are bad; None if there is none."""
    p_bad, bad = _sorted(masks)
    wrong = np.cumsum(bad)
    kept = 0
    for count in _steps(p_bad, fewest(share, CONFIDENCE)):
        if at_most(int(wrong[count - 1]), count, share) > 1 - CONFIDENCE:
            break
        kept = count
    if not kept:
        return None
    return PromiseLimit(
        category=None, p_bad=float(p_bad[kept - 1]), masks=len(bad), kept=kept, bad=int(wrong[kept - 1])
    )


def smallest_promise(masks: Sequence[CheckedMasks]) -> float | None:
    """The smallest share, rounded up to .01 %, that can be promised with these masks; None if none can."""
    p_bad, bad = _sorted(masks)
    clean = [count for count in _steps(p_bad, 1) if not bad[:count].any()]
    return math.ceil(upper_bound(0, clean[-1], CONFIDENCE) * 1e4) / 1e4 if clean else None


def kept_promise(
    judgement: Judgement, masks: pa.Table, limits: Sequence[PromiseLimit], share: float
) -> tuple[Judgement, AppliedPromise]:
    """The judgement with what the promise quarantines, and the promise as it applies to this delivery.

    `masks` has the columns `image_id`, `p_bad` and `category`. What the promise alone quarantines is not sure enough,
    and does not count as a bad image of the delivery. Raises GateError if p_bad is not known of a mask.
    """
    p_bad = masks.column("p_bad").to_numpy().astype(np.float64)
    if unknown := int((~np.isfinite(p_bad)).sum()):
        raise GateError(f"the promise cannot be kept: p_bad is not known of {counted(unknown, 'mask')}")
    own = pc.index_in(masks.column("category"), value_set=pa.array([one.category for one in limits[:-1]], pa.string()))
    place = pc.fill_null(own, len(limits) - 1).to_numpy()
    beyond = p_bad > np.asarray([one.p_bad for one in limits])[place]
    findings, outcomes = [], []
    for number, limit in enumerate(limits):
        words, failing = _words(limit, share), beyond & (place == number)
        outcomes.append(_outcome(words, int(failing.sum()), int((place == number).sum())))
        if failing.any():
            found = masks.column("image_id").filter(pa.array(failing)).to_pylist()
            findings.append(FailedExpectation(words=words, image_ids=frozenset(found)))
    judged = replace(
        judgement,
        outcomes=(*judgement.outcomes, *outcomes),
        findings=(*judgement.findings, *findings),
    )
    return judged, AppliedPromise(
        share=share,
        confidence=CONFIDENCE,
        limits=tuple(limits),
        masks=len(p_bad),
        within=int((~beyond).sum()),
    )


def joined_promises(applied: Sequence[AppliedPromise]) -> AppliedPromise:
    """One promise as it applied to the masks of several networks, each with limits of its own."""
    first, *_ = applied
    return replace(
        first,
        limits=tuple(limit for one in applied for limit in one.limits),
        masks=sum(one.masks for one in applied),
        within=sum(one.within for one in applied),
    )


def _words(limit: PromiseLimit, share: float) -> str:
    among = "" if limit.category is None else f" of the category {limit.category}"
    among += f" by the network {limit.network}" if limit.network else ""
    return (
        f"the mask{among} is not sure enough for the promise that at most {share * 100:.3g}% of what is published is "
        f"bad (p_bad above {limit.p_bad:.3f})"
    )


def _outcome(words: str, failing: int, rows: int) -> ExpectationOutcome:
    return ExpectationOutcome(
        expectation="promise",
        column="p_bad",
        action="quarantine",
        words=words,
        success=not failing,
        observed=f"{failing} of {rows} rows fail",
        failing=failing,
    )


def _of_category(masks: CheckedMasks, share: float) -> PromiseLimit:
    found = largest_limit([masks], share)
    nothing = PromiseLimit(category=None, p_bad=0.0, masks=_count(masks), kept=0, bad=0)
    return replace(found or nothing, category=masks.category)


def _refusal(masks: Sequence[CheckedMasks], share: float) -> str:
    good, bad = sum(len(one.good) for one in masks), sum(len(one.bad) for one in masks)
    smallest = smallest_promise(masks)
    possible = (
        "no promise is possible with them" if smallest is None else f"the smallest possible promise is {smallest:.4f}"
    )
    return (
        f"promise = {share:g} cannot be kept: it needs at least {fewest(share, CONFIDENCE)} masks without a bad one "
        f"among the surest, and the calibration was checked on {good} good and {bad} bad masks of this network; "
        f"{possible}. Check the calibration on more masks: cutouts gate calibrate --check"
    )


def _steps(p_bad: Doubles, first: int) -> list[int]:
    """The numbers of masks, ascending from `first`, that one limit can separate from the rest."""
    ends = np.flatnonzero(np.append(p_bad[1:] > p_bad[:-1], len(p_bad) > 0)) + 1
    return [int(end) for end in ends if end >= first]


def _sorted(masks: Sequence[CheckedMasks]) -> tuple[Doubles, Mask]:
    values = np.asarray([value for one in masks for value in (*one.good, *one.bad)], np.float64)
    bad = np.asarray([flag for one in masks for flag in (*[False] * len(one.good), *[True] * len(one.bad))], np.bool_)
    order = np.argsort(values, kind="stable")
    return values[order], bad[order]


def _count(masks: CheckedMasks) -> int:
    return len(masks.good) + len(masks.bad)
