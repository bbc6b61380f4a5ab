"""The only door to Great Expectations: reads suites, and judges deliveries by them.

Great Expectations 1.24 passes data that it cannot judge (an empty table, or a column of nulls under a range), and drops
an unknown expectation with only a log line. A suite in which this can happen is rejected when it is read, and a crashed
check is an error, never a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutouts.adapters.quality.frames import counts_frame, delivery_frame
from cutouts.adapters.quality.library import method
from cutouts.adapters.quality.suite import Rule, Suite, bundled, load_suite
from cutouts.adapters.quality.validation import NO_ROW, Check, broken_groups, validate
from cutouts.adapters.quality.worst_masks import publishes_all, try_every_rule
from cutouts.core.drift import DRIFT
from cutouts.core.errors import GateError
from cutouts.core.gate import FailedExpectation, Judgement
from cutouts.core.manifests.checks import DeliveryProblem
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown

__all__ = [
    "NO_DRIFT",
    "NO_ROW",
    "Rule",
    "Suite",
    "bundled",
    "judge",
    "load_suite",
    "method",
    "refusals",
    "require_judging",
    "try_every_rule",
]

NO_DRIFT = DRIFT.empty_table()
"""The frame `drift` of a delivery that nothing is compared with."""
_OF_MASKS = ("images", "delivery", "counts", "drift")
_SHOWN = 10
_SLICE = 500_000

Flags: TypeAlias = NDArray[np.int64]


def judge(
    suite: Suite,
    metrics: pa.Table,
    *,
    images: int,
    rejected: Mapping[str, str | None],
    drift: pa.Table = NO_DRIFT,
) -> Judgement:
    """The judgement of `suite` on a delivery of `images` images. `metrics` has one row per image that was cut out.

    `metrics` needs `image_id` and the columns that the rules name (`cutouts.schemas.tables.METRICS`, `category`).
    `rejected` are the other images with their categories. An image is bad if it is rejected or fails a quarantine rule.
    The frame `delivery` has a row per image, `counts` one for the delivery and one per category, and `drift` is
    `cutouts.core.drift.DRIFT`. If all images were rejected, the frame `images` is not judged. Raises GateError if the
    counts do not add up, if there is nothing to judge, if the suite can neither quarantine nor hold or would publish
    masks that are all bad, if a rule with the action `fail` is not met, or if a check crashed.
    """
    require_judging(suite)
    if images < 1 or metrics.num_rows + len(rejected) != images:
        found = f"{metrics.num_rows} measured and {len(rejected)} rejected"
        raise GateError(f"a delivery of {counted(images, 'image')} cannot be judged: only {found} are given")
    checks = _check(suite.on("images"), metrics) if metrics.num_rows else ()
    findings, reported, bad = _findings(checks, metrics)
    delivery = delivery_frame(metrics, bad, rejected)
    checks += _check(suite.on("delivery"), delivery)
    counts = counts_frame(delivery)
    checks += _check(suite.on("counts"), counts)
    checks += _check(suite.on("drift"), drift)
    broken = [(group, f"{_words(group)} ({_observed(group, counts, drift)})") for group in broken_groups(checks)]
    return Judgement(
        outcomes=tuple(check.outcome() for check in checks),
        findings=findings,
        holds=tuple(words for group, words in broken if group[0].rule.binding),
        warnings=(*reported, *(words for group, words in broken if not group[0].rule.binding)),
    )


def require_judging(suite: Suite) -> None:
    """Raise GateError if a suite for masks can neither quarantine nor hold, has rules for other frames, or would
    publish masks that are all bad."""
    _require(suite, "quarantine", "hold", frames=_OF_MASKS)
    if publishes_all(suite):
        what = "it would publish a delivery in which every mask is bad (p_bad 0.99 and more)"
        raise GateError(f"the suite {suite.name!r} passes everything: {what}")


def refusals(suite: Suite, delivery_id: str, rows: pa.Table) -> tuple[DeliveryProblem, ...]:
    """The problems for which `suite` refuses a delivery of a manifest; none if it is accepted.

    `rows` are the conformed rows of the delivery, and the row numbers of problems are counted from 1 in them. They are
    judged in slices of `_SLICE` rows to limit memory. Raises GateError if there are no rows, if the suite can refuse
    nothing, if a rule with the action `fail` is not met, or if a check crashed.
    """
    _require(suite, "refuse", frames=("rows",))
    if not rows.num_rows:
        raise GateError(f"delivery {delivery_id!r} has no rows to check")
    rules = suite.on("rows")
    failed: dict[int, list[tuple[int, Check]]] = {}
    for begin in range(0, rows.num_rows, _SLICE):
        for number, check in enumerate(_check(rules, rows.slice(begin, _SLICE))):
            if not check.success:
                failed.setdefault(number, []).append((begin, check))
    ids = rows.column("image_id")
    return tuple(_refusal(delivery_id, rules[number].words, checks, ids) for number, checks in failed.items())


def _require(suite: Suite, *actions: str, frames: Collection[str]) -> None:
    """Raise GateError if a rule is about another frame, which would never be judged, or if no rule takes one of these
    actions: then the suite would pass everything."""
    if strays := sorted({rule.frame for rule in suite.rules} - set(frames)):
        known = ", ".join(frames)
        raise GateError(f"the suite {suite.name!r} has rules for {', '.join(strays)}; only {known} are judged here")
    known = " or ".join(actions)
    rules = [rule for rule in suite.rules if rule.binding and rule.action in actions and rule.frame != "drift"]
    if not rules:
        drift = " about more than drift, which a first delivery has not" if suite.on("drift") else ""
        what = f"it has no critical rule with the action {known}{drift}"
        raise GateError(f"the suite {suite.name!r} passes everything: {what}")
    if all(rule.condition for rule in rules):
        what = f"it has no critical rule with the action {known} without a row_condition"
        raise GateError(f"the suite {suite.name!r} lets through what none of its conditions selects: {what}")


def _findings(
    checks: Iterable[Check], metrics: pa.Table
) -> tuple[tuple[FailedExpectation, ...], tuple[str, ...], Flags]:
    """The images that fail each quarantine rule, what rules only report, and for each row of `metrics` 1 if it fails
    one, else 0."""
    failed = [check for check in checks if check.rule.action == "quarantine" and not check.success]
    bad: Flags = np.zeros(metrics.num_rows, np.int64)
    findings = []
    for check in validate([check.rule for check in failed if check.rule.binding], metrics, "COMPLETE"):
        failing = np.asarray(check.fields["unexpected_index_list"], np.int64)
        bad[failing] = 1
        image_ids = metrics.column("image_id").take(pa.array(failing)).to_pylist()
        findings.append(FailedExpectation(words=check.rule.words, image_ids=frozenset(image_ids)))
    reported = (
        f"{counted(int(check.fields['unexpected_count']), 'image')}: {check.rule.words}"
        for check in failed
        if not check.rule.binding
    )
    return tuple(findings), tuple(reported), bad


def _words(group: Sequence[Check]) -> str:
    return ", and ".join(check.rule.words for check in group)


def _observed(group: Sequence[Check], counts: pa.Table, drift: pa.Table) -> str:
    """What a person wants to know of a broken group: how many images, or what drifted how far."""
    return "; ".join(dict.fromkeys(words for check in group for words in _seen(check, counts, drift)))


def _seen(check: Check, counts: pa.Table, drift: pa.Table) -> Iterator[str]:
    rows = sorted(check.fields.get("partial_unexpected_index_list", ()))[:_SHOWN]
    frame = check.rule.frame
    if frame == "drift" and rows:
        yield from map(_drifted, drift.take(rows).to_pylist())
    elif frame == "counts" and rows:
        name = "rejected" if (check.rule.column or "").startswith("rejected") else "bad"
        yield from (_of_category(row, name) for row in counts.take(rows).to_pylist())
    elif "unexpected_count" in check.fields:
        yield f"{check.fields['unexpected_count']} of {counted(check.fields['element_count'], 'image')}"
    else:
        yield f"{check.rule.column or 'it'} is {check.observed}"


def _of_category(row: Mapping[str, Any], name: str) -> str:
    among = "" if row["category"] is None else f" in {shown(row['category'])}"
    return f"{row[name]} of {row['images']}{among}"


def _drifted(row: Mapping[str, Any]) -> str:
    among = "" if row["category"] is None else f" of {shown(row['category'])}"
    return f"{row['measurement']}{among}: by {row['distance']:.2f}, p = {row['p_value']:.2g}"


def _refusal(
    delivery_id: str, words: str, checks: Sequence[tuple[int, Check]], image_ids: pa.ChunkedArray
) -> DeliveryProblem:
    """The problem that one rule found. `checks` has the first row of each failing slice and its check."""
    found = [begin + row for begin, check in checks for row in check.fields.get("partial_unexpected_index_list", ())]
    return DeliveryProblem(
        delivery_id=delivery_id,
        problem=words,
        count=sum(check.fields.get("unexpected_count", 0) for _, check in checks),
        rows=tuple(row + 1 for row in found[:_SHOWN]),
        image_ids=tuple(image_ids[row].as_py() for row in found[:_SHOWN]),
    )


def _check(rules: Sequence[Rule], table: pa.Table) -> tuple[Check, ...]:
    """The summary of each rule. Raises GateError if one with the action `fail` is not met."""
    checks = validate(rules, table, "SUMMARY")
    broken = [check.outcome() for check in checks if check.rule.action == "fail" and not check.success]
    if broken:
        lines = (f"{outcome.words} ({outcome.observed})" for outcome in broken)
        raise GateError("\n  - ".join(["the gate cannot judge this delivery", *lines]))
    return checks
