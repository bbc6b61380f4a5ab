"""Checks that a file of expectations contains only values to compare with, and nothing that would be evaluated.

Great Expectations passes conditions to `DataFrame.query`, which runs Python; it fetches the references of JSON schemas
and evaluates `$PARAMETER`s. A suite is only data: its author must not be able to run code or block the gate for ever.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cutouts.adapters.quality.patterns import slow

TYPES = frozenset({
    "expect_column_distinct_values_to_be_in_set", "expect_column_distinct_values_to_contain_set",
    "expect_column_distinct_values_to_equal_set", "expect_column_kl_divergence_to_be_less_than",
    "expect_column_max_to_be_between", "expect_column_mean_to_be_between", "expect_column_median_to_be_between",
    "expect_column_min_to_be_between", "expect_column_most_common_value_to_be_in_set",
    "expect_column_pair_values_a_to_be_greater_than_b", "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_to_be_in_set", "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between", "expect_column_quantile_values_to_be_between",
    "expect_column_stdev_to_be_between", "expect_column_sum_to_be_between",
    "expect_column_unique_value_count_to_be_between", "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal", "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_between", "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_in_set", "expect_column_values_to_be_increasing", "expect_column_values_to_be_null",
    "expect_column_values_to_be_unique", "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list", "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_not_be_in_set", "expect_column_values_to_not_be_null",
    "expect_column_values_to_not_match_regex", "expect_column_values_to_not_match_regex_list",
    "expect_compound_columns_to_be_unique", "expect_multicolumn_sum_to_equal",
    "expect_multicolumn_values_to_be_equal", "expect_select_column_values_to_be_unique_within_record",
    "expect_table_row_count_to_be_between", "expect_table_row_count_to_equal",
})  # fmt: skip
"""Expectations that compare data with given values. None of them runs SQL or fetches a schema, or is about which
columns a frame has: it has those that the rules name."""

_OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})
CONDITION = "row_condition"
_NOT_OURS = frozenset({
    "batch_id", "catch_exceptions", "description", "id", "include_config", "meta", "notes", "rendered_content",
    "result_format", "severity", "windows",
})  # fmt: skip
"""Arguments that set how Great Expectations reports, which we decide ourselves, that refer to its stored objects, or
that belong beside the arguments."""
_FORM = '{"type": "comparison", "column": {"name": "…"}, "operator": "==", "parameter": …}'
_NUMBER_FORMAT = re.compile(r",?(\.\d{1,2})?[%defg]?")
_DEEP = 4
"""Most levels of nested lists (as in quantiles) or conditions."""


def unsafe(entry: Mapping[str, Any]) -> Iterator[str]:
    """The problems, in words, of an entry of a suite's file that contains more than data; none if it is only data."""
    kwargs, words = entry["kwargs"], str(entry["meta"].get("words", ""))
    for name, value in kwargs.items():
        if name == "condition_parser":
            yield f"condition_parser: conditions are never parsed; write row_condition as {_FORM}"
        elif name == CONDITION:
            yield from _condition(value, _DEEP)
        elif name in _NOT_OURS:
            yield f"{name}: it is not part of an expectation"
        elif not _is_data(value, _DEEP):
            yield f"{name}: only finite numbers, texts and lists of them are allowed, no $PARAMETER"
        elif name in ("regex", "regex_list"):
            yield from _regexes([value] if isinstance(value, str) else value)
    yield from _fields(words)


def comparisons(condition: Any) -> Iterator[tuple[str, Any]]:
    """The column and the value of each comparison in a condition that `unsafe` accepts; none without a condition."""
    kind = condition["type"] if condition else None
    if kind == "comparison":
        values = condition["parameter"]
        yield from ((condition["column"]["name"], one) for one in (values if isinstance(values, list) else [values]))
    elif kind in ("and", "or"):
        for one in condition["conditions"]:
            yield from comparisons(one)


def _condition(value: Any, depth: int) -> Iterator[str]:
    """The problems of a condition. Only comparisons and null checks, joined by `and` and `or`, are allowed."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("and", "or") and not depth:
        yield f"{CONDITION}: its conditions are in each other more than {_DEEP} deep"
    elif kind in ("and", "or") and value.get("conditions") == []:
        yield f"{CONDITION}: {kind!r} joins no conditions"
    elif kind == "comparison" and value.get("parameter") == []:
        yield f"{CONDITION}: it compares with an empty list"
    elif kind in ("and", "or") and isinstance(value.get("conditions"), list) and value.keys() == {"type", "conditions"}:
        for one in value["conditions"]:
            yield from _condition(one, depth - 1)
    elif not ((kind == "nullity" and _is_nullity(value)) or (kind == "comparison" and _is_comparison(value))):
        yield f"{CONDITION}: text there would be run as code; write it as {_FORM}"


def _is_nullity(value: Mapping[str, Any]) -> bool:
    keys = {"type", "column", "is_null"}
    return value.keys() == keys and _is_column(value["column"]) and isinstance(value["is_null"], bool)


def _is_comparison(value: Mapping[str, Any]) -> bool:
    if value.keys() != {"type", "column", "operator", "parameter"} or not _is_column(value["column"]):
        return False
    parameter = value["parameter"]
    if value["operator"] in ("IN", "NOT_IN"):
        return isinstance(parameter, list) and all(map(_is_literal, parameter))
    return value["operator"] in _OPERATORS and _is_literal(parameter)


def _is_column(value: Any) -> bool:
    """Whether it is a plain name. Special characters could end the quotes that Great Expectations puts around it."""
    name = value.get("name") if isinstance(value, dict) and len(value) == 1 else None
    return isinstance(name, str) and name.isidentifier()


def _is_literal(value: Any) -> bool:
    """Whether it is a number, or a text without characters that have a meaning in `DataFrame.query`."""
    if isinstance(value, str):
        return value.isprintable() and not set("`@\\") & set(value)
    return isinstance(value, bool) or is_number(value)


def is_number(value: Any) -> bool:
    """Whether it is a number to compare with: finite as a float, and not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_data(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and not any(str(name).startswith("$") for name in value) and _all_data(value.values(), depth)
    if isinstance(value, list):
        return depth > 0 and _all_data(value, depth)
    return value is None or isinstance(value, str | bool) or is_number(value)


def _all_data(values: Iterable[Any], depth: int) -> bool:
    return all(_is_data(value, depth - 1) for value in values)


def _regexes(patterns: Iterable[Any]) -> Iterator[str]:
    for pattern in patterns:
        if problem := slow(str(pattern)):
            yield f"regex {pattern!r}: {problem}"


def _fields(words: str) -> Iterator[str]:
    """Problems of format fields that are more than the name of a keyword argument: attributes, indices, widths."""
    try:
        fields = [(name, form or "") for _, name, form, _ in string.Formatter().parse(words) if name is not None]
    except ValueError as error:
        yield f"words: {error}"
        return
    for name, form in fields:
        if not name.isidentifier() or not _NUMBER_FORMAT.fullmatch(form):
            yield f"words: {{{name}{form and ':' + form}}} is neither a keyword argument nor one with a number's format"
