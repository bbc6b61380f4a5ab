"""A suite is data: none of it is evaluated, whoever wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cutouts.adapters.quality import bundled, load_suite, refusals
from cutouts.adapters.quality.patterns import slow
from cutouts.core.errors import GateError
from cutouts.schemas.tables import MANIFEST
from tests.adapters.quality.made import Load, Raw, entry, judged

CODE = "@__import__('pathlib').Path('trap').touch() or coverage > 0"
COMPARISON = {"type": "comparison", "column": {"name": "coverage"}, "operator": ">", "parameter": 0.5}


def _with(**kwargs: object) -> Callable[[Raw], object]:
    return lambda raw: entry(raw, "quarantine", "saliency_peak")["kwargs"].update(kwargs)


def _nested(depth: int) -> Raw:
    return {"type": "and", "conditions": [_nested(depth - 1)]} if depth else COMPARISON


def _comparison(**changes: object) -> Callable[[Raw], object]:
    return _with(row_condition=COMPARISON | changes)


def _type(name: str, **kwargs: object) -> Callable[[Raw], object]:
    def change(raw: Raw) -> None:
        one = entry(raw, "fail", "fringe")
        one.update(type=name, kwargs={**one["kwargs"], **kwargs})

    return change


def _words(text: str) -> Callable[[Raw], object]:
    return lambda raw: entry(raw, "quarantine", "saliency_peak")["meta"].update(words=text)


UNSAFE: dict[str, Callable[[Raw], object]] = {
    "a condition for pandas": _with(row_condition=CODE, condition_parser="pandas"),
    "a condition for Python": _with(row_condition=CODE, condition_parser="python"),
    "a condition for Great Expectations": _with(
        row_condition='col("coverage") > 0', condition_parser="great_expectations"
    ),
    "a condition without a parser": _with(row_condition=CODE),
    "a condition that is passed through": _with(row_condition={"type": "pass_through", "pass_through_filter": CODE}),
    "one within another": _with(
        row_condition={"type": "and", "conditions": [COMPARISON, {"type": "pass_through", "pass_through_filter": CODE}]}
    ),
    "a column that ends its quotation": _comparison(column={"name": f"coverage` > 0 or {CODE} or `coverage"}),
    "a column that is a call": _comparison(column={"name": CODE}),
    "an operator of one's own": _comparison(operator=f"> 0 or {CODE} or 1 >"),
    "a text with marks": _comparison(parameter="` or @print or `"),
    "a list with marks": _comparison(operator="IN", parameter=["a", "@b"]),
    "a nested value": _comparison(parameter={"$PARAMETER": "now()"}),
    "an infinite number": _comparison(parameter=float("inf")),
    "another key": _with(row_condition=COMPARISON | {"filter": CODE}),
    "a null check of a call": _with(row_condition={"type": "nullity", "column": {"name": CODE}, "is_null": True}),
    "a parameter": _with(min_value={"$PARAMETER": "9^9^9^9"}),
    "a parameter in a list": _with(min_value=[{"$PARAMETER": "now()"}]),
    "a schema from the web": _type(
        "expect_column_values_to_match_json_schema", json_schema={"$ref": "http://127.0.0.1:1/schema"}
    ),
    "SQL": _type("unexpected_rows_expectation", unexpected_rows_query="SELECT 1"),
    "another table": _type("expect_query_results_to_match_comparison"),
    "attributes in words": _words("{min_value.__class__.__mro__}"),
    "indices in words": _words("{column[0]}"),
    "how results are reported": _with(result_format="BOOLEAN_ONLY"),
    "windows over earlier runs": _with(windows=[{"parameter_name": "x"}]),
    "conditions in conditions without end": _with(row_condition=_nested(90)),
    "a type that is a list": lambda raw: entry(raw, "quarantine", "coverage").update(type=["x"]),
    "a type that is an object": lambda raw: entry(raw, "quarantine", "coverage").update(type={"x": 1}),
    "a width in words": _words("{min_value:99999999999}"),
    "a nested width in words": _words("{min_value:{column}}"),
    "a repetition in a repetition": _type("expect_column_values_to_match_regex", column="image_id", regex="^(a+)+$"),
    "a choice in a repetition": _type("expect_column_values_to_match_regex", column="image_id", regex="^(a|aa)+$"),
    "a back reference": _type("expect_column_values_to_match_regex", column="image_id", regex=r"^(.*)\1$"),
    "one of several": _type("expect_column_values_to_match_regex_list", column="image_id", regex_list=["a", "(.*)*b"]),
    "a broken pattern": _type("expect_column_values_to_match_regex", column="image_id", regex="(a"),
}


@pytest.mark.parametrize("change", UNSAFE.values(), ids=UNSAFE.keys())
def test_a_suite_that_would_be_evaluated_is_refused(
    load: Load, change: Callable[[Raw], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when it is read, before any of it is built."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GateError):
        load(change)
    assert not (tmp_path / "trap").exists()


def test_the_error_shows_how_to_write_a_condition(load: Load) -> None:
    """The message has the safe form, and every problem is reported at once."""

    def change(raw: Raw) -> None:
        _with(row_condition=CODE, condition_parser="pandas")(raw)
        _words("{min_value.real}")(raw)

    with pytest.raises(GateError, match=r'(?s)row_condition: .*"type": "comparison".*condition_parser: .*words: '):
        load(change)


@pytest.mark.parametrize(
    ("condition", "bad"),
    [
        (COMPARISON, {"b"}),
        (COMPARISON | {"operator": "<="}, {"a"}),
        ({"type": "nullity", "column": {"name": "coverage"}, "is_null": False}, {"a", "b"}),
        (COMPARISON | {"column": {"name": "image_id"}, "operator": "IN", "parameter": ["b", "x y's"]}, {"b"}),
        ({"type": "or", "conditions": [COMPARISON, COMPARISON | {"operator": "=="}]}, {"b"}),
        ({"type": "and", "conditions": [COMPARISON, COMPARISON | {"operator": "<", "parameter": 1}]}, {"b"}),
    ],
)
def test_comparisons_select_the_images_that_a_rule_applies_to(load: Load, condition: Raw, bad: set[str]) -> None:
    """Of two images without a product, only those that meet the condition are found, under their own ids."""
    suite = load(_with(row_condition=condition))
    judgement = judged(suite, {"saliency_peak": 0.1, "coverage": 0.4}, {"saliency_peak": 0.1, "coverage": 0.6}, {})
    assert {name for finding in judgement.findings for name in finding.image_ids} == bad


def test_ordinary_patterns_are_accepted(load: Load) -> None:
    """Sequences of repetitions, bounded repetitions, classes and choices are accepted."""
    for regex in (
        r"^[a-z]+(-[0-9]{1,5})?\.jpe?g$",
        r"^(left|right)_.*$",
        "^[0-9a-f]{64}$",
        r"(?:ab){1,3}",
        "[^/]+/[^/]+",
    ):
        assert load(_type("expect_column_values_to_match_regex", column="image_id", regex=regex))


@pytest.mark.parametrize(
    "pattern",
    [
        "a*a*a*b",
        "^(.+)@(.+)/(.+)/(.+)",
        "(a{0,19}){0,19}b",
        "^(?:a{1,10}){1,10}b",
        "a?" * 30 + "a" * 30,
        "(?:ab|ab)" * 30 + "c",
        "a{0,100000}a{0,100000}b",
        "(?=(a+a+a+))b",
        "(?i)a*A*a*b",
        "(?m)^.*.*x",
        r"^(\w+\s?)*$",
        r"^[^,]*\w*é*é*.*$",
    ],
)
def test_patterns_that_can_backtrack_too_much_are_refused(pattern: str) -> None:
    """Adjacent repetitions can split a text in as many ways as nested ones."""
    assert "too many ways" in str(slow(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        r".*\.jpg$",
        r"^.+/.+\.jpg$",
        r"^(?:\d{1,3}\.){3}\d{1,3}$",
        r"^[a-z]+(?:-[a-z]+)*$",
        r"(?i)^.*\.jpe?g$",
        r"^[A-Z]{2}\d{4}(_\d+)?\.(jpg|png|webp)$",
        "^https://[^/]+/[^?]*$",
        "é+x",
        "[ab]*[cd]*x",
        "",
    ],
)
def test_patterns_that_finish_quickly_are_accepted(pattern: str) -> None:
    """If a different letter has to follow, a text can be split in one way only, so the worst text takes no time."""
    assert slow(pattern) is None
    for text in ("a" * 1000, "a-" * 500, "/a" * 500, "1." * 500):
        re.search(pattern, text + "!")


def test_the_shipped_suites_are_safe() -> None:
    """Both are read like any other suite."""
    for name in ("manifest", "mask_quality"):
        assert load_suite(bundled(name)).rules


def test_manifest_suites_use_safe_conditions_too(tmp_path: Path) -> None:
    """Rules about rows are read in the same way."""
    raw: Any = json.loads(bundled("manifest").read_text(encoding="utf-8"))
    width = next(one for one in raw["expectations"] if one["kwargs"].get("column") == "width_px")
    width["kwargs"]["row_condition"] = COMPARISON | {"column": {"name": "bytes"}, "parameter": 10}
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(raw))
    named = {"product_id": "p", "delivery_id": "d", "uri": "u"}
    rows = [{**named, "image_id": name, "bytes": size, "width_px": 0} for name, size in (("a", 5), ("b", 50))]
    (problem,) = refusals(load_suite(file), "d", pa.Table.from_pylist(rows, schema=MANIFEST))
    assert problem.image_ids == ("b",)
    width["kwargs"]["row_condition"] = CODE
    file.write_text(json.dumps(raw))
    with pytest.raises(GateError):
        load_suite(file)
