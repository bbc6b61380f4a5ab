"""The only door to Great Expectations: reads suites, and judges deliveries by them.

Great Expectations 1.24 passes data that it cannot judge (an empty table, or a column of nulls under a range), and drops
an unknown expectation with only a log line. A suite in which this can happen is rejected when it is read, and a crashed
check is an error, never a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutouts.adapters.quality.library import method
from cutouts.adapters.quality.suite import Rule, Suite, bundled, load_suite
from cutouts.adapters.quality.validation import Check, validate
from cutouts.core.errors import GateError
from cutouts.core.gate import FailedExpectation, Judgement
from cutouts.core.manifests.checks import DeliveryProblem
from cutouts.core.text.counting import counted

__all__ = ["Rule", "Suite", "bundled", "judge", "load_suite", "method", "refusals"]

_SHOWN = 10
_SLICE = 500_000

Flags: TypeAlias = NDArray[np.int64]


def judge(suite: Suite, metrics: pa.Table, *, images: int, rejected: Collection[str]) -> Judgement:
    """The judgement of `suite` on a delivery of `images` images. `metrics` has one row per image that was cut out.

    `metrics` needs `image_id` and the columns that the rules name (`cutouts.schemas.tables.METRICS`). An image is bad
    if it is `rejected` or fails a quarantine rule; the frame `delivery` is the column `bad`, 0 or 1, of all images.
    If all were rejected, only that frame is judged. Raises GateError if the counts do not add up, if there is nothing
    to judge, if a rule with the action `fail` is not met, or if a check crashed.
    """
    if images < 1 or metrics.num_rows + len(rejected) != images:
        found = f"{metrics.num_rows} measured and {len(rejected)} rejected"
        raise GateError(f"a delivery of {counted(images, 'image')} cannot be judged: only {found} are given")
    checks = _check(suite.on("images"), metrics) if metrics.num_rows else ()
    findings, bad = _findings(checks, metrics)
    every = np.concatenate([bad, np.ones(len(rejected), np.int64)])
    checks += _check(suite.on("delivery"), pa.table({"bad": every}))
    return Judgement(
        outcomes=tuple(check.outcome() for check in checks),
        findings=findings,
        holds=tuple(f"{words} ({every.sum()} of {images})" for words in _holds(checks)),
    )


def refusals(suite: Suite, delivery_id: str, rows: pa.Table) -> tuple[DeliveryProblem, ...]:
    """The problems for which `suite` refuses a delivery of a manifest; none if it is accepted.

    `rows` are the conformed rows of the delivery, and the row numbers of problems are counted from 1 in them. They are
    judged in slices of `_SLICE` rows to limit memory. Raises GateError if there are no rows, if a rule with the action
    `fail` is not met, or if a check crashed.
    """
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


def _findings(checks: Iterable[Check], metrics: pa.Table) -> tuple[tuple[FailedExpectation, ...], Flags]:
    """The images that fail each quarantine rule, and for each row of `metrics` 1 if it fails one, else 0."""
    rules = [check.rule for check in checks if check.rule.action == "quarantine" and not check.success]
    bad: Flags = np.zeros(metrics.num_rows, np.int64)
    findings = []
    for check in validate(rules, metrics, "COMPLETE"):
        failing = np.asarray(check.fields["unexpected_index_list"], np.int64)
        bad[failing] = 1
        image_ids = metrics.column("image_id").take(pa.array(failing)).to_pylist()
        findings.append(FailedExpectation(words=check.rule.words, image_ids=frozenset(image_ids)))
    return tuple(findings), bad


def _holds(checks: Iterable[Check]) -> tuple[str, ...]:
    """The words of each group of hold rules in which no rule is met."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        if check.rule.action == "hold":
            groups.setdefault(check.rule.group, []).append(check)
    broken = (group for group in groups.values() if not any(check.success for check in group))
    return tuple(", and ".join(check.rule.words for check in group) for group in broken)


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
