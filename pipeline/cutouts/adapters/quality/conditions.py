"""Finds conditions that no row can meet: their rule would never judge anything."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import chain, islice, product
from typing import Any

_MOST = 4_096
"""Alternatives of a condition that are tried. If none of these can be met, the condition counts as impossible."""
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda value, some: value in some,
    "NOT_IN": lambda value, some: value not in some,
}


def is_impossible(condition: Mapping[str, Any], *, shares: Collection[str], complete: Collection[str]) -> bool:
    """Whether no row can meet a condition that `cutouts.adapters.quality.safety` accepts.

    `shares` are columns whose values are from 0 to 1, and `complete` those that are never null.
    """
    return not any(
        all(_has_value(column, tests, shares=shares, complete=complete) for column, tests in _by_column(tests).items())
        for tests in islice(_alternatives(condition), _MOST)
    )


def _alternatives(condition: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], ...]]:
    """Sets of comparisons and null checks; a row meets the condition if it meets all of one set."""
    kind = condition["type"]
    if kind == "or":
        yield from chain.from_iterable(map(_alternatives, condition["conditions"]))
    elif kind == "and":
        parts = (islice(_alternatives(one), _MOST) for one in condition["conditions"])
        yield from (tuple(chain.from_iterable(chosen)) for chosen in product(*parts))
    else:
        yield (condition,)


def _by_column(tests: Collection[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    columns: dict[str, list[Mapping[str, Any]]] = {}
    for test in tests:
        columns.setdefault(test["column"]["name"], []).append(test)
    return columns


def _has_value(
    column: str, tests: Collection[Mapping[str, Any]], *, shares: Collection[str], complete: Collection[str]
) -> bool:
    """Whether one value of the column meets all tests. Between two given values, all values meet the same tests."""
    given = chain.from_iterable(map(_values, tests))
    tried: set[float | str] = {near for value in given for near in _around(value)} | {0.5, ""}
    if column in shares:
        tried = {0.0, 1.0, *(one for one in tried if not isinstance(one, str) and 0 <= one <= 1)}
    return any(all(_meets(test, one) for test in tests) for one in [*tried, *([] if column in complete else [None])])


def _values(test: Mapping[str, Any]) -> list[Any]:
    value = test.get("parameter", [])
    return value if isinstance(value, list) else [value]


def _around(value: float | str) -> tuple[float | str, ...]:
    """The value and its neighbours: a text has a next one only, which is longer."""
    if isinstance(value, str):
        return value, f"{value}\0"
    return value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)


def _meets(test: Mapping[str, Any], value: float | str | None) -> bool:
    if test["type"] == "nullity":
        return bool(test["is_null"]) == (value is None)
    alike = value is not None and all(isinstance(one, str) == isinstance(value, str) for one in _values(test))
    return alike and _COMPARE[test["operator"]](value, test["parameter"])
