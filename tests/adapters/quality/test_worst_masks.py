"""A suite that would publish masks that are all bad is refused, whatever its rules are about."""

from __future__ import annotations

from typing import Any

import pytest

from cutouts.core.errors import GateError
from tests.adapters.quality.made import Load, Raw, judged

_PREFIX = "expect_column_values_to"


def _rule(action: str, kind: str, frame: str = "images", **kwargs: Any) -> Raw:
    return {"type": kind, "kwargs": kwargs, "meta": {"frame": frame, "action": action, "words": "a rule"}}


def _only(*rules: Raw) -> Any:
    """A change of a suite: its rules with the action `fail`, one that every image has an id, and these."""
    complete = _rule("fail", f"{_PREFIX}_not_be_null", column="image_id")

    def change(raw: Raw) -> None:
        kept = [one for one in raw["expectations"] if one["meta"]["action"] == "fail"]
        raw["expectations"] = [*kept, complete, *rules]

    return change


BLIND = {
    "there are images": [_rule("hold", "expect_table_row_count_to_be_between", min_value=1)],
    "there are more images than here": [_rule("hold", "expect_table_row_count_to_be_between", min_value=1000)],
    "there is exactly one image": [_rule("hold", "expect_table_row_count_to_equal", value=1)],
    "images are counted": [_rule("hold", f"{_PREFIX}_be_between", "counts", column="images", min_value=30)],
    "ids are text": [_rule("quarantine", f"{_PREFIX}_match_regex", column="image_id", regex=".*")],
    "ids are not this one": [_rule("quarantine", f"{_PREFIX}_not_be_in_set", column="image_id", value_set=["x"])],
    "ids differ": [_rule("hold", f"{_PREFIX}_be_unique", column="image_id")],
    "files that cannot be read": [
        _rule("hold", f"{_PREFIX}_be_between", "counts", column="rejected_at_most", max_value=0.2)
    ],
    "bad images, of which no rule finds one": [
        _rule("hold", f"{_PREFIX}_be_between", "counts", column="bad", max_value=5)
    ],
    "limits that are met by every count": [
        _rule("quarantine", f"{_PREFIX}_be_between", column="components", max_value=10**9)
    ],
    "a group of which one rule is always met": [
        _rule("hold", "expect_column_mean_to_be_between", column="p_bad", max_value=0.1),
        _rule("hold", f"{_PREFIX}_match_regex", column="image_id", regex="."),
    ],
}


@pytest.mark.parametrize("rules", BLIND.values(), ids=BLIND.keys())
def test_a_suite_that_finds_none_of_many_bad_masks_is_refused(load: Load, rules: list[Raw]) -> None:
    """The message says what it would publish, also if it judges a delivery of sound masks."""
    if len(rules) > 1:
        for one in rules:
            one["meta"]["group"] = "together"
    with pytest.raises(GateError, match="passes everything: it would publish a delivery in which every mask is bad"):
        judged(load(_only(*rules)), {}, {})


SEEING = {
    "by the probability": [_rule("quarantine", f"{_PREFIX}_be_between", column="p_bad", max_value=0.99)],
    "by one measurement at its upper end": [
        _rule("quarantine", f"{_PREFIX}_be_between", column="soft_inside", max_value=0.1)
    ],
    "by one measurement at its lower end": [
        _rule("quarantine", f"{_PREFIX}_be_between", column="coverage", min_value=0.005)
    ],
    "by the mean of all": [_rule("hold", "expect_column_mean_to_be_between", column="p_bad", max_value=0.1)],
}


@pytest.mark.parametrize("rules", SEEING.values(), ids=SEEING.keys())
def test_a_suite_that_finds_bad_masks_by_one_measurement_judges(load: Load, rules: list[Raw]) -> None:
    """A site may decide by whatever it trusts."""
    judgement = judged(load(_only(*rules)), {}, {})
    assert (judgement.findings, judgement.holds) == ((), ())
