"""Runs Great Expectations on one table. A crashed or dropped check is an error, never a verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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
            observed=self._observed(),
            failing=self.fields.get("unexpected_count"),
            severity=self.rule.severity,
        )

    def _observed(self) -> str:
        if "unexpected_count" in self.fields:
            return f"{self.fields['unexpected_count']} of {self.fields['element_count']} rows fail"
        value = self.fields["observed_value"]
        return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def validate(rules: Sequence[Rule], table: pa.Table, result_format: str) -> tuple[Check, ...]:
    """The result of each rule on `table`, in the order of the rules.

    `result_format` is `SUMMARY`, or `COMPLETE` to get the numbers of all failing rows (`unexpected_index_list`).
    Raises GateError if a check crashed or was dropped, or if a condition compares text with numbers.
    """
    if not rules:
        return ()
    if misfits := [f"{rule.type}: {words}" for rule in rules for words in _misfits(rule, table.schema)]:
        raise GateError("\n  - ".join(["conditions that can select no row", *misfits]))
    gx = library()
    suite = gx.ExpectationSuite(name="rules", expectations=[rule.entry(number) for number, rule in enumerate(rules)])
    validated = _batch(_frame(rules, table)).validate(suite, result_format={"result_format": result_format})
    results = {result.expectation_config.meta["number"]: result for result in validated.results}
    if crashed := [f"{rules[number].type}: {words}" for number, words in _crashes(results)]:
        raise GateError("\n  - ".join(["checks crashed", *crashed]))
    if len(results) != len(rules):
        raise GateError(f"{len(rules) - len(results)} of {len(rules)} expectations were dropped")
    return tuple(
        Check(rule=rule, success=bool(results[number].success), fields=results[number].result)
        for number, rule in enumerate(rules)
    )


def _misfits(rule: Rule, schema: pa.Schema) -> Iterator[str]:
    """The comparisons of its condition that no row can meet, because the column has text and the value is a number, or
    the other way round. pandas would compare them, and the rule would judge nothing."""
    for column, value in comparisons(rule.kwargs.get("row_condition")):
        kind = schema.field(column).type if column in schema.names else None
        if kind is None or isinstance(value, str) == _is_text(kind) or not (_is_text(kind) or _is_number(kind)):
            continue
        yield f"row_condition compares {column}, which is {'text' if _is_text(kind) else 'a number'}, with {value!r}"


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


def _batch(frame: pd.DataFrame) -> Any:
    gx = library()
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


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
