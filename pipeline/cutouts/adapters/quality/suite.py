"""Reads the files of expectations, and makes sure that no rule in them can pass without judging."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from cutouts.adapters.quality.library import library
from cutouts.adapters.quality.safety import TYPES, unsafe
from cutouts.core.errors import GateError

ACTIONS = {
    "images": ("fail", "quarantine", "hold"),
    "delivery": ("fail", "hold"),
    "counts": ("fail", "hold"),
    "drift": ("fail", "hold"),
    "rows": ("fail", "refuse"),
}
"""The frames that a rule may judge, and the possible actions for each if the rule is not met."""
_SEVERITIES = ("critical", "warning", "info")
_BETWEEN_ROWS = frozenset({"unique", "increasing", "decreasing"})
"""The endings of the types of column expectations that compare rows with each other."""
_ROW_COUNT = "expect_table_row_count_to_be_between"
_NOT_NULL = "expect_column_values_to_not_be_null"
_VALUES = "expect_column_value"
"""How the types begin that judge value by value. They skip nulls; a mean of nulls meets no rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expectation of a suite, the frame that it judges, the action if it is not met, and the rule in words.

    Rules of the same `group` hold a delivery only if none of them is met. The action is taken if the severity is
    `critical`; otherwise the rule is only reported.
    """

    type: str
    kwargs: Mapping[str, object]
    severity: str
    frame: str
    action: str
    group: str
    words: str

    @property
    def binding(self) -> bool:
        """Whether its action is taken if it is not met."""
        return self.severity == "critical"

    @property
    def column(self) -> str | None:
        """The column that it judges; None if it does not judge a single column."""
        column = self.kwargs.get("column")
        return column if isinstance(column, str) else None

    def entry(self, number: int = 0) -> dict[str, object]:
        """The expectation in the form for Great Expectations, with a number that identifies its result."""
        return {
            "type": self.type,
            "kwargs": dict(self.kwargs),
            "severity": self.severity,
            "meta": {"number": number},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The rules of one file of expectations. Great Expectations knows all of them."""

    name: str
    rules: tuple[Rule, ...]

    def on(self, frame: str) -> tuple[Rule, ...]:
        """The rules for one frame."""
        return tuple(rule for rule in self.rules if rule.frame == frame)


def bundled(name: str) -> Traversable:
    """The file of a suite in the package: `manifest` or `mask_quality`."""
    return files("cutouts.schemas") / "expectations" / f"{name}.json"


def load_suite(file: Traversable) -> Suite:
    """The suite in a JSON file (a `pathlib.Path`, or a file from `bundled`).

    Raises GateError with every entry that contains more than data, that has an invalid `meta`, that Great Expectations
    would drop or reject, or that could pass without judging (a quarantine rule for a column that no rule requires to be
    complete).
    """
    try:
        raw = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
        if wrong := [str(one["type"]) for one in raw["expectations"] if not isinstance(one["type"], str)]:
            raise ValueError(f"the type of an expectation is a text, not {wrong[0]}")
        if problems := [f"{one['type']}: {problem}" for one in raw["expectations"] for problem in unsafe(one)]:
            raise GateError("\n  - ".join([f"{file.name} contains more than data", *problems]))
        rules = tuple(_rule(entry, place) for place, entry in enumerate(raw["expectations"], start=1))
        suite = Suite(name=raw["name"], rules=rules)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GateError(f"{file.name} is not a suite of expectations: {error}") from error
    if problems := [*_misfits(suite), *_unguarded(suite), *_dropped(suite)]:
        raise GateError("\n  - ".join([f"{file.name} is not safe to use as a gate", *problems]))
    return suite


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError if a name occurs twice: the last value would silently replace the others."""
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} is given twice in one object")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number to compare with")


def _rule(entry: Mapping[str, Any], place: int) -> Rule:
    """One entry of a suite's file. Raises KeyError, TypeError or ValueError if something is missing or not a text."""
    kwargs, meta = entry["kwargs"], entry["meta"]
    try:
        words = str(meta["words"]).format_map(kwargs)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"entry {place}: meta has no `words`, or they use a name that is not in kwargs: {error}"
        ) from error
    return Rule(
        type=entry["type"],
        kwargs=kwargs,
        severity=entry.get("severity", "critical"),
        frame=str(meta.get("frame")),
        action=str(meta.get("action")),
        group=str(meta.get("group", f"entry {place}")),
        words=words,
    )


def _misfits(suite: Suite) -> Iterator[str]:
    if not suite.rules:
        yield "it has no expectations"
    for rule in suite.rules:
        if rule.type not in TYPES:
            yield f"{rule.type}: unknown or not allowed in a suite"
        if rule.severity not in _SEVERITIES:
            yield f"{rule.type}: unknown severity {rule.severity!r}; known are {', '.join(_SEVERITIES)}"
        if rule.frame not in ACTIONS:
            yield f"{rule.type}: unknown frame {rule.frame!r}; known are {', '.join(ACTIONS)}"
        elif rule.action not in ACTIONS[rule.frame]:
            known = ", ".join(ACTIONS[rule.frame])
            yield f"{rule.type}: unknown action {rule.action!r} on the frame {rule.frame}; known are {known}"
        if rule.frame == "rows" and rule.type.rpartition("_")[2] in _BETWEEN_ROWS:
            yield f"{rule.type} of {rule.column}: compares rows, but a manifest is judged in slices"
        yield from _toothless(rule)
    for about in ("severity", "frame", "action"):
        yield from _mixed(suite, about)


def _mixed(suite: Suite, about: str) -> Iterator[str]:
    """The problems of groups whose rules differ. A rule of another frame could be met without a row, and then the group
    would hold nothing."""
    groups: dict[str, set[str]] = {}
    for rule in suite.rules:
        groups.setdefault(rule.group, set()).add(str(getattr(rule, about)))
    for name, values in groups.items():
        if len(values) > 1:
            yield f"the rules of group {name!r} differ in their {about}: {', '.join(sorted(values))}"


def _toothless(rule: Rule) -> Iterator[str]:
    """The problems of a rule that would not do what its action says."""
    if rule.action == "quarantine" and "mostly" in rule.kwargs:
        yield f"{rule.type} of {rule.column}: a quarantine is about single images and takes no `mostly`"
    if "mostly" in rule.kwargs and not _is_share(rule.kwargs["mostly"]):
        yield f"{rule.type} of {rule.column}: `mostly` is a share above 0 and up to 1, not {rule.kwargs['mostly']!r}"
    if rule.action in ("fail", "refuse") and rule.severity in _SEVERITIES and not rule.binding:
        yield f"{rule.type} of {rule.column}: a rule with the action {rule.action} has the severity critical"


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _unguarded(suite: Suite) -> Iterator[str]:
    """The problems of rules about images for columns that may be incomplete, because nulls pass most expectations."""
    guarded = {rule.column for rule in suite.on("images") if rule.type == _NOT_NULL and _is_strict(rule)}
    for rule in suite.on("images"):
        judges = rule.action == "quarantine" or (rule.action == "hold" and rule.type.startswith(_VALUES))
        if judges and rule.type != _NOT_NULL and rule.column not in guarded:
            yield f"{rule.type} of {rule.column}: needs an {_NOT_NULL} of that column with the action fail"


def _is_strict(rule: Rule) -> bool:
    return rule.action == "fail" and not {"mostly", "row_condition"} & set(rule.kwargs)


def _dropped(suite: Suite) -> Iterator[str]:
    """The problems that Great Expectations finds in single entries. It only logs unknown types or severities."""
    gx = library()
    single = gx.expectations.expectation.ColumnMapExpectation
    for rule in (rule for rule in suite.rules if rule.type in TYPES and rule.severity in _SEVERITIES):
        try:
            built = gx.ExpectationSuite(name=suite.name, expectations=[rule.entry()]).expectations
        except ValueError as error:
            yield f"{rule.type} of {rule.column}: {' '.join(str(error).split())}"
            continue
        if not built:
            yield f"{rule.type} of {rule.column}: Great Expectations drops it"
        elif rule.action == "quarantine" and not isinstance(built[0], single):
            yield f"{rule.type}: does not judge single images, so it cannot quarantine them"
        elif rule.frame == "rows" and not (isinstance(built[0], single) or rule.type == _ROW_COUNT):
            yield f"{rule.type}: does not judge single rows"
