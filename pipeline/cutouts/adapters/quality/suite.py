"""Reads the files of expectations, and makes sure that no rule in them can pass without judging."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from cutouts.adapters.quality.conditions import is_impossible
from cutouts.adapters.quality.library import library
from cutouts.adapters.quality.limits import SHARES, toothless
from cutouts.adapters.quality.safety import CONDITION, TYPES, comparisons, is_number, unsafe
from cutouts.core.errors import GateError
from cutouts.core.text.files import text_of

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
ROW_COUNTS = frozenset({_ROW_COUNT, "expect_table_row_count_to_equal"})
_NOT_NULL = "expect_column_values_to_not_be_null"
_NAMES = frozenset({"category", "image_id"})
"""Columns that a condition may name without a rule that they are complete: an image without a category is in none."""
_DEFAULT_GROUP = re.compile(r"entry \d+")
_OF_FILE = frozenset({"name", "expectations", "id", "meta", "notes"})
_OF_ENTRY = frozenset({"type", "kwargs", "meta", "severity", "id", "description", "notes", "rendered_content"})
"""The names that a suite and its entries may have: those that are read, and those that Great Expectations writes."""
_NEEDED = frozenset({"type", "kwargs", "meta"})
"""The names that an entry must have."""


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

    @property
    def columns(self) -> frozenset[str]:
        """All columns that it judges, without those of its condition."""
        named = [self.kwargs.get(name) for name in ("column", "column_A", "column_B")]
        several = self.kwargs.get("column_list")
        return frozenset(
            one for one in [*named, *(several if isinstance(several, list) else [])] if isinstance(one, str)
        )

    @property
    def condition(self) -> Mapping[str, Any] | None:
        """What selects the rows that it judges; None if it judges all."""
        condition = self.kwargs.get(CONDITION)
        return condition if isinstance(condition, dict) else None

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
        raw = json.loads(
            text_of(file.read_bytes()), object_pairs_hook=_once, parse_constant=_no_number, parse_int=_integer
        )
        _require_known(raw)
        if wrong := [str(one["type"]) for one in raw["expectations"] if not isinstance(one["type"], str)]:
            raise ValueError(f"the type of an expectation is a text, not {wrong[0]}")
        if problems := [f"{one['type']}: {problem}" for one in raw["expectations"] for problem in unsafe(one)]:
            raise GateError("\n  - ".join([f"{file.name} contains more than data", *problems]))
        rules = tuple(_rule(entry, place) for place, entry in enumerate(raw["expectations"], start=1))
        suite = Suite(name=raw["name"], rules=rules)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GateError(f"{file.name} is not a suite of expectations: {error}") from error
    if problems := [*_misfits(suite), *_unguarded(suite), *_idle(suite), *_dropped(suite)]:
        raise GateError("\n  - ".join([f"{file.name} is not safe to use as a gate", *problems]))
    return suite


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError if a name occurs twice: the last value would silently replace the others."""
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} is given twice in one object")
    return dict(pairs)


def _require_known(raw: Any) -> None:
    """Raise ValueError if a suite or one of its entries lacks a name, or has one that is not read and so ignored."""
    has = raw if isinstance(raw, dict) else {}
    if not isinstance(has.get("name"), str) or not isinstance(has.get("expectations"), list):
        raise ValueError("expected an object with a `name` and a list of `expectations`")
    for place, entry in enumerate(raw["expectations"], start=1):
        if not isinstance(entry, dict) or not entry.keys() >= _NEEDED:
            raise ValueError(f"entry {place}: expected an object with a `type`, `kwargs` and `meta`")
        if wrong := [name for name in ("kwargs", "meta") if not isinstance(entry[name], dict)]:
            raise ValueError(f"entry {place}: `{wrong[0]}` is not an object")
    unread = [f"the suite has {name!r}" for name in raw if name not in _OF_FILE]
    for place, entry in enumerate(raw["expectations"], start=1):
        unread += [f"entry {place} has {name!r}" for name in entry if name not in _OF_ENTRY]
    if unread:
        raise ValueError(f"{'; '.join(unread)}: unknown, or in the wrong place")


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number to compare with")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a number has too many digits") from None


def _rule(entry: Mapping[str, Any], place: int) -> Rule:
    """One entry of a suite's file. Raises KeyError, TypeError or ValueError if something is missing or not a text."""
    kwargs, meta = entry["kwargs"], entry["meta"]
    try:
        words = str(meta["words"]).format_map(kwargs)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"entry {place}: meta has no `words`, or they use a name that is not in kwargs: {error}"
        ) from error
    if not words.strip():
        raise ValueError(f"entry {place}: its `words` are empty, but they are the reason that people read")
    return Rule(
        type=entry["type"],
        kwargs=kwargs,
        severity=entry.get("severity", "critical"),
        frame=str(meta.get("frame")),
        action=str(meta.get("action")),
        group=_group(meta, place),
        words=words,
    )


def _group(meta: Mapping[str, Any], place: int) -> str:
    """The stated group, or one of its own. Raises ValueError if what is stated would join rules by accident."""
    stated = meta.get("group", f"entry {place}")
    if not isinstance(stated, str) or not stated.strip() or ("group" in meta and _DEFAULT_GROUP.fullmatch(stated)):
        raise ValueError(f"entry {place}: a group has a name, not {stated!r}")
    return stated


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
        yield from (f"{rule.type} of {rule.column}: {problem}" for problem in _toothless(rule))
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
        yield "a quarantine is about single images and takes no `mostly`"
    if "mostly" in rule.kwargs and not _is_share(rule.kwargs["mostly"]):
        yield f"`mostly` is a share above 0 and up to 1, not {rule.kwargs['mostly']!r}"
    if rule.action in ("fail", "refuse") and rule.severity in _SEVERITIES and not rule.binding:
        yield f"a rule with the action {rule.action} has the severity critical"
    yield from toothless(rule.type, rule.kwargs, rule.frame)


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 < value <= 1


def _unguarded(suite: Suite) -> Iterator[str]:
    """The problems of rules for columns that may be incomplete, because nulls pass most expectations and meet no
    condition. In the frames that we count ourselves, only the category may be null."""
    for rule in suite.rules:
        if rule.action not in ("quarantine", "hold") or rule.type == _NOT_NULL:
            continue
        asked = rule.columns | ({one for one, _ in comparisons(rule.condition)} - _NAMES)
        for column in sorted(asked - _complete(suite, rule.frame)):
            if rule.frame == "images" or column == "category":
                yield f"{rule.type} of {column}: needs an {_NOT_NULL} of that column with the action fail"


def _idle(suite: Suite) -> Iterator[str]:
    """The problems of rules that no row can fail, or whose condition no row can meet."""
    for rule in suite.rules:
        known = SHARES.get(rule.frame, frozenset())
        complete = _complete(suite, rule.frame) | (known if rule.frame != "images" else frozenset())
        if rule.type == _NOT_NULL and rule.action != "fail" and rule.column in complete:
            yield f"{rule.type} of {rule.column}: no row can fail it"
        if rule.condition and is_impossible(rule.condition, shares=known, complete=complete):
            yield f"{rule.type} of {rule.column}: no row can meet its row_condition"


def _complete(suite: Suite, frame: str) -> frozenset[str]:
    """The columns of a frame that a rule with the action fail requires to be complete."""
    return frozenset(str(rule.column) for rule in suite.on(frame) if rule.type == _NOT_NULL and _is_strict(rule))


def _is_strict(rule: Rule) -> bool:
    return rule.action == "fail" and not {"mostly", CONDITION} & set(rule.kwargs)


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
