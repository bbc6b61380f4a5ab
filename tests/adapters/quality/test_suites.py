"""Suites that could pass by accident are refused when they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cutouts.adapters import quality
from cutouts.core.errors import GateError
from tests.adapters.quality.made import Load, Raw, entry

SHARE = {"type": "comparison", "column": {"name": "coverage"}, "operator": ">", "parameter": 0.5}


def _limits(**kwargs: object) -> Callable[[Raw], object]:
    """Other limits for the probability that a mask is bad."""
    return lambda raw: entry(raw, "quarantine", "p_bad").update(
        kwargs={"column": "p_bad", **kwargs}, meta={"frame": "images", "action": "quarantine", "words": "bad"}
    )


def _hold(kind: str, frame: str = "images", **kwargs: object) -> Callable[[Raw], object]:
    """A rule of another type that holds the delivery."""
    meta = {"frame": frame, "action": "hold", "words": "held"}
    return lambda raw: raw["expectations"].append({"type": kind, "kwargs": {"column": "p_bad", **kwargs}, "meta": meta})


CHANGES: dict[str, tuple[Callable[[Raw], object], str]] = {
    "a misspelt expectation": (
        lambda raw: entry(raw, "quarantine", "coverage").update(type="expect_column_values_to_be_betwen"),
        "betwen: unknown or not allowed in a suite",
    ),
    "a severity in capitals": (
        lambda raw: entry(raw, "quarantine", "coverage").update(severity="CRITICAL"),
        "unknown severity 'CRITICAL'; known are critical, warning, info",
    ),
    "a severity that is a list": (
        lambda raw: entry(raw, "quarantine", "coverage").update(severity=["critical"]),
        "unknown severity",
    ),
    "an unknown severity": (
        lambda raw: entry(raw, "quarantine", "coverage").update(severity="fatal"),
        "unknown severity 'fatal'",
    ),
    "a misspelt threshold": (
        lambda raw: entry(raw, "quarantine", "saliency_peak")["kwargs"].update(min_valu=0.1),
        "min_valu",
    ),
    "an unknown action": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(action="quarantaine"),
        "unknown action 'quarantaine'",
    ),
    "an unknown frame": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(frame="pictures"),
        "unknown frame 'pictures'",
    ),
    "words without their number": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(words="above {limit}"),
        "limit",
    ),
    "no words at all": (lambda raw: entry(raw, "hold", "bad_at_most")["meta"].pop("words"), "words"),
    "a quarantine that lets some pass": (
        lambda raw: entry(raw, "quarantine", "coverage")["kwargs"].update(mostly=0.9),
        "takes no `mostly`",
    ),
    "a quarantine that judges no images": (
        lambda raw: entry(raw, "quarantine", "coverage").update(type="expect_column_mean_to_be_between"),
        "does not judge single images",
    ),
    "a quarantine over a column that may be null": (
        lambda raw: raw["expectations"].remove(entry(raw, "fail", "soft_inside")),
        "needs an expect_column_values_to_not_be_null",
    ),
    "a hold over a column that may be null": (
        lambda raw: entry(raw, "quarantine", "coverage").update(
            kwargs={"column": "category", "value_set": ["shoe"]},
            type="expect_column_values_to_be_in_set",
            meta={"frame": "images", "action": "hold", "words": "not a shoe"},
        ),
        "of category: needs an expect_column_values_to_not_be_null",
    ),
    "an infinite threshold": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(max_value=float("inf")),
        "Infinity is not a number",
    ),
    "a threshold that is not a number": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(max_value=float("nan")),
        "NaN is not a number",
    ),
    "a threshold that is true": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(max_value=True),
        "max_value is a number, not True",
    ),
    "a condition that joins nothing": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(row_condition={"type": "and", "conditions": []}),
        "'and' joins no conditions",
    ),
    "a condition with an empty list": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(
            row_condition={"type": "comparison", "column": {"name": "category"}, "operator": "IN", "parameter": []}
        ),
        "compares with an empty list",
    ),
    "a group over several frames": (
        lambda raw: [
            entry(raw, "hold", name)["meta"].update(group="g") for name in ("bad_at_most", "distance_at_least")
        ],
        "'g' differ in their frame: counts, drift",
    ),
    "a threshold that is a text": (_limits(max_value="0.5"), "max_value is a number, not '0.5'"),
    "a text that Great Expectations reads as infinity": (_limits(max_value="inf"), "max_value is a number, not 'inf'"),
    "a number that is larger than any float": (_limits(max_value=10**400), "only finite numbers"),
    "a threshold in percent": (_limits(max_value=50), "max_value is 50, but p_bad is from 0 to 1"),
    "a threshold that every value meets": (_limits(min_value=0, max_value=1), "every value of p_bad from 0 to 1 meets"),
    "no threshold": (_limits(), "needs min_value or max_value"),
    "a mean without a limit": (_hold("expect_column_mean_to_be_between"), "needs min_value or max_value"),
    "a mean with limits that are null": (
        _hold("expect_column_mean_to_be_between", min_value=None, max_value=None),
        "needs min_value or max_value",
    ),
    "a mean below infinity": (_hold("expect_column_mean_to_be_between", max_value="inf"), "not 'inf'"),
    "a mean in percent": (_hold("expect_column_mean_to_be_between", max_value=30), "from 0 to 1"),
    "a row count without a limit": (_hold("expect_table_row_count_to_be_between"), "needs min_value or max_value"),
    "a count that is never negative": (
        _hold("expect_column_max_to_be_between", frame="counts", column="bad", min_value=0),
        "bad is never below 0",
    ),
    "a deviation that is never negative": (
        _hold("expect_column_stdev_to_be_between", min_value=0),
        "never below 0, so every value meets it",
    ),
    "a sum that is never negative": (
        _hold("expect_column_sum_to_be_between", min_value=0),
        "the sum of p_bad is never",
    ),
    "a proportion of at most all": (
        _hold("expect_column_proportion_of_unique_values_to_be_between", min_value=0, max_value=1),
        "never below 0 or above 1",
    ),
    "a quantile without a limit": (
        _hold(
            "expect_column_quantile_values_to_be_between",
            quantile_ranges={"quantiles": [0.9], "value_ranges": [[None, None]]},
        ),
        "at least one number for each quantile",
    ),
    "a divergence from nothing": (
        _hold("expect_column_kl_divergence_to_be_less_than", threshold=0.1),
        "needs partition_object",
    ),
    "a score below infinity": (
        _hold("expect_column_value_z_scores_to_be_less_than", threshold="inf", double_sided=False),
        "threshold is a number, not 'inf'",
    ),
    "a set of nothing": (_hold("expect_column_values_to_not_be_in_set", value_set=[]), "value_set is empty"),
    "a column compared with itself": (
        _hold("expect_column_pair_values_a_to_be_greater_than_b", column_A="p_bad", column_B="p_bad", or_equal=True),
        "column_A and column_B are the same",
    ),
    "a pair with a column that may be null": (
        _hold("expect_column_pair_values_to_be_equal", column_A="p_bad", column_B="category"),
        "of category: needs an expect_column_values_to_not_be_null",
    ),
    "a column that need not be there": (
        _hold("expect_table_columns_to_match_set", column_set=None),
        "unknown or not allowed",
    ),
    "a mean over a column that may be null": (
        _hold("expect_column_mean_to_be_between", column="bytes", max_value=5),
        "of bytes: needs an expect_column_values_to_not_be_null",
    ),
    "a null check of a complete column": (_hold("expect_column_values_to_not_be_null"), "no row can fail it"),
    "a category of a delivery that may be null": (
        lambda raw: raw["expectations"].append(
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "category", "value_set": ["shoe"]},
                "meta": {"frame": "delivery", "action": "hold", "words": "not a shoe"},
            }
        ),
        "of category: needs an expect_column_values_to_not_be_null",
    ),
    "a condition on a column that may be null": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(
            row_condition=SHARE | {"column": {"name": "bytes"}}
        ),
        "of bytes: needs an expect_column_values_to_not_be_null",
    ),
    "a condition that contradicts itself": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(
            row_condition={"type": "and", "conditions": [SHARE, SHARE | {"operator": "<", "parameter": 0.1}]}
        ),
        "no row can meet its row_condition",
    ),
    "a condition beyond what a share can be": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(row_condition=SHARE | {"parameter": 50}),
        "no row can meet its row_condition",
    ),
    "a null check that is a number": (
        lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(
            row_condition={"type": "nullity", "column": {"name": "category"}, "is_null": 1}
        ),
        "row_condition",
    ),
    "a group that is null": (
        lambda raw: [
            entry(raw, "hold", name)["meta"].update(group=None) for name in ("bad_at_most", "rejected_at_most")
        ],
        "a group has a name, not None",
    ),
    "a group with the name of a single rule": (
        lambda raw: entry(raw, "hold", "bad_at_most")["meta"].update(group="entry 3"),
        "a group has a name, not 'entry 3'",
    ),
    "meta among the arguments": (_limits(max_value=0.5, meta={}), "meta: it is not part of an expectation"),
    "a second list of rules in capitals": (
        lambda raw: raw.update(Expectations=raw["expectations"]),
        "the suite has 'Expectations'",
    ),
    "parameters of the suite": (
        lambda raw: raw.update(suite_parameters={"limit": 1}),
        "the suite has 'suite_parameters'",
    ),
    "a name in capitals": (
        lambda raw: raw["expectations"][3].update(Severity="warning"),
        "entry 4 has 'Severity'",
    ),
    "a condition beside the arguments": (
        lambda raw: raw["expectations"][0].update(row_condition={}),
        "entry 1 has 'row_condition'",
    ),
    "a share beside the arguments": (lambda raw: raw["expectations"][1].update(mostly=0.9), "entry 2 has 'mostly'"),
    "no expectations": (lambda raw: raw["expectations"].clear(), "no expectations"),
    "another file": (lambda raw: raw.pop("expectations"), "is not a suite"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_a_suite_that_could_pass_by_accident_is_refused(
    load: Load, change: Callable[[Raw], object], words: str
) -> None:
    """It is refused when it is read, and the message says where the problem is."""
    with pytest.raises(GateError, match=words):
        load(change)


def test_what_great_expectations_writes_is_accepted(load: Load) -> None:
    """Suites that were stored by the library have ids and notes."""

    def stored(raw: Raw) -> None:
        raw.update(id="6d2e", meta={"great_expectations_version": "1.24.0"}, notes=None)
        raw["expectations"][0].update(id="71c0", description="rows", notes=None, rendered_content=[])

    assert quality.load_suite(quality.bundled("mask_quality")).rules == load(stored).rules


TEXTS = {
    "an empty file": ("", "Expecting value"),
    "a document of YAML": ("---\n", "Expecting value"),
    "nothing": ("null", "expected an object with a `name`"),
    "a list": ("[]", "expected an object with a `name`"),
    "an object without rules": ('{"name": "empty", "expectations": {}}', "a list of `expectations`"),
    "an empty rule": ('{"name": "empty", "expectations": [{}]}', "entry 1: expected an object with a `type`"),
    "a rule that is not a table": ('{"name": "x", "expectations": [null]}', "entry 1: expected an object"),
    "a rule whose words are not in a table": (
        '{"name": "n", "expectations": [{"type": "t", "kwargs": {}, "meta": "too small"}]}',
        "entry 1: `meta` is not an object",
    ),
    "a rule without words": (
        '{"name": "n", "expectations": [{"type": "t", "kwargs": {}, "meta": {"words": " "}}]}',
        "entry 1: its `words` are empty",
    ),
    "zeros": ("\0\0", "not text in UTF-8"),
    "a second list of rules": ('{"name": "twice", "expectations": [1], "expectations": []}', "'expectations' is given"),
    "a number beyond all": (
        '{"name": "n", "expectations": [{"type": "t", "meta": {}, "kwargs": {"max_value": 1e999}}]}',
        "finite numbers",
    ),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS.keys())
def test_a_file_that_holds_no_rules_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """An empty file, or one whose second half replaces the first, does not publish everything."""
    file = tmp_path / "suite.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(GateError, match=words):
        quality.load_suite(file)


def test_a_suite_that_a_windows_editor_saved_is_read(tmp_path: Path) -> None:
    """Its byte order mark changes nothing; UTF-16 is refused in our words."""
    text, file = quality.bundled("mask_quality").read_text(encoding="utf-8"), tmp_path / "suite.json"
    file.write_text(text, encoding="utf-8-sig")
    assert quality.load_suite(file).rules == quality.load_suite(quality.bundled("mask_quality")).rules
    file.write_text(text, encoding="utf-16")
    with pytest.raises(GateError, match="not text in UTF-8: save it with this encoding"):
        quality.load_suite(file)


def test_every_problem_of_a_suite_is_reported_at_once(load: Load) -> None:
    """One reading finds them all."""

    def change(raw: Raw) -> None:
        CHANGES["a misspelt expectation"][0](raw)
        CHANGES["an unknown severity"][0](raw)
        entry(raw, "quarantine", "saliency_peak")["meta"]["action"] = "stop"

    with pytest.raises(GateError, match=r"unknown action 'stop'(.|\n)*unknown or not allowed"):
        load(change)
