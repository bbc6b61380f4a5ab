"""Runs Great Expectations on one table. A crashed or dropped check is an error, never a verdict."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from cutouts.adapters.quality.library import library
from cutouts.adapters.quality.safety import comparisons
from cutouts.adapters.quality.suite import Rule
from cutouts.core.decisions import ExpectationOutcome
from cutouts.core.errors import GateError

if TYPE_CHECKING:
    import pandas as pd

_OF_TEXT = re.compile("regex|strftime|lengths")
"""Parts of the types of rules about text. They pass every number."""
NO_ROW = "no row to judge"
"""What is observed if a condition selects no row, or if there is none."""
_OF_THREAD = threading.local()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of Great Expectations for one rule; `fields` are those of its summary."""

    rule: Rule
    success: bool
    fields: Mapping[str, Any]

    def outcome(self) -> ExpectationOutcome:
        """The record of this check."""
        return ExpectationOutcome(
            expectation=self.rule.type,
            column=self.rule.column,
            action=self.rule.action,
            words=self.rule.words,
            success=self.success,
            observed=self.observed,
            failing=self.fields.get("unexpected_count"),
            severity=self.rule.severity,
        )

    @property
    def observed(self) -> str:
        """What was found, in words."""
        if self.fields.get("element_count") == 0:
            return NO_ROW
        if "unexpected_count" in self.fields:
            return f"{self.fields['unexpected_count']} of {self.fields['element_count']} rows fail"
        value = self.fields["observed_value"]
        if value is None:
            return "not known"
        return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def validate(rules: Sequence[Rule], table: pa.Table, result_format: str) -> tuple[Check, ...]:
    """The result of each rule on `table`, in the order of the rules.

    `result_format` is `SUMMARY`, or `COMPLETE` to get the numbers of all failing rows (`unexpected_index_list`).
    Raises GateError if a check crashed or was dropped, if a column is missing, or if text is compared with numbers.
    """
    if not rules:
        return ()
    if misfits := [f"{rule.type}: {words}" for rule in rules for words in _misfits(rule, table.schema)]:
        raise GateError("\n  - ".join(["these rules do not fit the columns of what they judge", *misfits]))
    gx = library()
    suite = gx.ExpectationSuite(name="rules", expectations=[rule.entry(number) for number, rule in enumerate(rules)])
    definition = _definition()
    try:
        batch = definition.get_batch({"dataframe": _frame(rules, table)})
        validated = batch.validate(suite, result_format={"result_format": result_format})
    finally:
        definition.data_asset.datasource.get_execution_engine().batch_manager.reset_batch_cache()
    results = {result.expectation_config.meta["number"]: result for result in validated.results}
    if crashed := [f"{rules[number].type}: {words}" for number, words in _crashes(results)]:
        raise GateError("\n  - ".join(["checks crashed", *crashed]))
    if len(results) != len(rules):
        raise GateError(f"{len(rules) - len(results)} of {len(rules)} expectations were dropped")
    return tuple(
        Check(rule=rule, success=bool(results[number].success), fields=results[number].result)
        for number, rule in enumerate(rules)
    )


def broken_groups(checks: Iterable[Check]) -> list[list[Check]]:
    """Each group of hold rules in which no rule is met."""
    groups: dict[str, list[Check]] = {}
    for check in checks:
        if check.rule.action == "hold":
            groups.setdefault(check.rule.group, []).append(check)
    return [group for group in groups.values() if not any(check.success for check in group)]


def _misfits(rule: Rule, schema: pa.Schema) -> Iterator[str]:
    """The columns that are missing, and where it takes text for numbers or numbers for text: pandas would compare them,
    and nothing would be judged."""
    kinds_of = {one.name: one.type for one in schema}
    asked = rule.columns | {column for column, _ in comparisons(rule.condition)}
    yield from (f"the frame {rule.frame} has no column {column}" for column in sorted(asked - kinds_of.keys()))
    for column, value in comparisons(rule.condition):
        if column in kinds_of and not _fits(value, kinds_of[column]):
            yield f"row_condition compares {column}, which is {_called(kinds_of[column])}, with {value!r}"
    for column in rule.columns & kinds_of.keys():
        values = rule.kwargs.get("value_set")
        for value in values if isinstance(values, list) else ():
            if not _fits(value, kinds_of[column]):
                yield f"value_set compares {column}, which is {_called(kinds_of[column])}, with {value!r}"
        if _OF_TEXT.search(rule.type) and _is_number(kinds_of[column]):
            yield f"{column} is a number, and this is about text"


def _fits(value: object, kind: pa.DataType) -> bool:
    """Whether a value can be compared with a column of this type; always for a type that is neither text nor number."""
    if kinds.is_boolean(kind):
        return isinstance(value, bool | int)
    return isinstance(value, str) if _is_text(kind) else not (_is_number(kind) and isinstance(value, str | bool))


def _called(kind: pa.DataType) -> str:
    return "text" if _is_text(kind) else "a number"


def _is_text(kind: pa.DataType) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind))


def _crashes(results: Mapping[int, Any]) -> Iterator[tuple[int, str]]:
    """The number and message of each crash. A crashed check has one exception, or one per metric that failed."""
    for number, result in results.items():
        info = result.exception_info or {}
        exceptions = [info] if "raised_exception" in info else list(info.values())
        for exception in exceptions:
            if exception["raised_exception"]:
                yield number, str(exception["exception_message"])


def _definition() -> Any:
    """What Great Expectations makes a batch of a frame with. It is made once per thread, because that takes as long as
    two rules, and because its engine holds the batch that is judged."""
    if not hasattr(_OF_THREAD, "definition"):
        context = library().get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame")
        _OF_THREAD.definition = asset.add_batch_definition_whole_dataframe("all")
    return _OF_THREAD.definition


def _frame(rules: Sequence[Rule], table: pa.Table) -> pd.DataFrame:
    """The columns that the rules name, in pandas and indexed by row number: nulls are NaN, booleans are 0 and 1."""
    import pandas as pd

    named = json.dumps([dict(rule.kwargs) for rule in rules])
    columns = {name: table.column(name) for name in table.column_names if json.dumps(name) in named}
    for name, column in columns.items():
        if kinds.is_boolean(column.type):
            columns[name] = column.cast(pa.int8())
    if not columns:
        return pd.DataFrame(index=range(table.num_rows))
    frame: pd.DataFrame = pa.table(columns).to_pandas(ignore_metadata=True)
    return frame
