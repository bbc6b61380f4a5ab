"""How a suite judges a delivery as a whole: bounds, rejections, categories, drift and severities."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from cutouts.adapters import quality
from cutouts.adapters.quality.frames import counts_frame, delivery_frame
from cutouts.core.drift import DRIFT
from cutouts.core.errors import GateError
from tests.adapters.quality.made import Load, Raw, entry, judged, metrics

DRIFTED = {"category": "shoe", "measurement": "coverage", "images": 50, "accepted": 500}


def drifted(*rows: dict[str, Any]) -> pa.Table:
    """Comparisons with accepted deliveries."""
    full = ({**DRIFTED, "distance": 0.4, "distance_at_least": 0.0, "p_value": 0.5, **row} for row in rows)
    return pa.Table.from_pylist(list(full), schema=DRIFT)


def category(name: object) -> dict[str, Any]:
    """The condition that selects rows of one category, or rows without any."""
    column = {"name": "category"}
    if name is None:
        return {"type": "nullity", "column": column, "is_null": True}
    return {"type": "comparison", "column": column, "operator": "==", "parameter": name}


def test_the_bound_is_wide_for_few_images_and_narrow_for_many() -> None:
    """The same share of bad images may be chance in 20 images and is certain in 20,000."""

    def bound(images: int) -> float:
        bad = (np.arange(images) < images // 4).astype(np.int64)
        whole, *_ = counts_frame(delivery_frame(pa.table({"x": bad}), bad, {})).to_pylist()
        return float(whole["bad_at_most"])

    assert bound(20) > 0.4
    assert 0.25 < bound(20_000) < 0.26


def test_many_unreadable_files_hold_a_delivery_that_is_good_otherwise(suite: quality.Suite) -> None:
    """Ten of sixty are within the budget for bad images, and beyond the one for rejections."""
    held = judged(suite, *[{}] * 50, rejected=tuple(f"broken {n}" for n in range(10)))
    (words,) = held.holds
    assert "impossible to process" in words
    assert words.endswith("(10 of 60)")
    assert not judged(suite, *[{}] * 50, rejected=tuple(f"broken {n}" for n in range(4))).holds


def test_a_category_can_have_its_own_limit(load: Load) -> None:
    """A row condition by category selects images, and its row of the counts; other categories are not held to it."""

    def shoes(raw: Raw) -> None:
        kwargs = {"column": "coverage", "max_value": 0.5, "row_condition": category("shoe")}
        meta = {"frame": "images", "action": "quarantine", "words": "a shoe fills at most {max_value:.0%}"}
        raw["expectations"].append({"type": "expect_column_values_to_be_between", "kwargs": kwargs, "meta": meta})
        kwargs = {"column": "bad", "max_value": 0, "row_condition": category("shoe")}
        meta = {"frame": "counts", "action": "hold", "words": "a shoe is bad"}
        raw["expectations"].append({"type": "expect_column_values_to_be_between", "kwargs": kwargs, "meta": meta})

    own = load(shoes)
    found = judged(own, {"coverage": 0.7, "category": "vase"}, {"coverage": 0.7, "category": "shoe"}, {"coverage": 0.7})
    assert [set(one.image_ids) for one in found.findings] == [{"b"}]
    assert found.holds == ("a shoe is bad (1 of 1 in shoe)",)
    assert judged(own, {"coverage": 0.7, "category": "vase"}).holds == ()


def test_a_share_of_images_may_fail_a_rule_with_mostly(load: Load) -> None:
    """A hold rule with `mostly` 0.7 is met if seven of ten images meet it."""

    def mostly(raw: Raw) -> None:
        kwargs = {"column": "frame_contact", "max_value": 0.1, "mostly": 0.7}
        meta = {"frame": "images", "action": "hold", "words": "products touch the frame"}
        raw["expectations"].append({"type": "expect_column_values_to_be_between", "kwargs": kwargs, "meta": meta})

    own, contact = load(mostly), cast("dict[str, object]", {"frame_contact": 0.5})
    assert not judged(own, *[{}] * 7, *[contact] * 3).holds
    assert judged(own, *[{}] * 6, *[contact] * 4).holds


def test_drift_is_reported_and_a_large_one_holds(suite: quality.Suite) -> None:
    """What drifted is named; a difference that may be chance is neither."""
    assert judged(suite, {}, drift=drifted({})).warnings == ()
    some = judged(suite, {}, drift=drifted({"distance_at_least": 0.3, "p_value": 1e-5}, {"measurement": "fringe"}))
    assert not some.holds
    assert some.warnings[0].endswith("(coverage of shoe: by 0.40, p = 1e-05)")
    worse = judged(suite, {}, drift=drifted({"measurement": "p_bad", "distance_at_least": 0.6, "category": None}))
    assert worse.holds[0].endswith("(p_bad: by 0.40, p = 0.5)")


def test_a_warning_reports_and_changes_no_outcome(load: Load) -> None:
    """The same rules are critical in the shipped suite, where they quarantine and hold."""

    def softer(raw: Raw) -> None:
        entry(raw, "quarantine", "soft_inside")["severity"] = "warning"
        hold = entry(raw, "hold", "bad_at_most")
        hold["severity"] = "warning"
        hold["kwargs"].update(max_value=0.0)
        hold["kwargs"].pop("row_condition")

    found = judged(load(softer), {"soft_inside": 0.5}, {"coverage": 0.0})
    assert [set(one.image_ids) for one in found.findings] == [{"b"}]
    assert found.holds == ()
    assert found.warnings[0] == "1 image: the product is half transparent (more than 10% of its inside is soft)"
    assert "may be bad" in found.warnings[1]


@pytest.mark.parametrize("mostly", [0, -1, 1.5, True, "all", None])
def test_a_share_that_lets_everything_pass_is_refused(load: Load, mostly: object) -> None:
    """`mostly` of 0 is met by any delivery."""
    with pytest.raises(GateError, match="mostly"):
        load(lambda raw: entry(raw, "fail", "coverage")["kwargs"].update(mostly=mostly))


def test_a_rule_that_fails_the_gate_cannot_be_a_warning(load: Load) -> None:
    """Otherwise a column of nulls would be reported, and published."""
    with pytest.raises(GateError, match="a rule with the action fail has the severity critical"):
        load(lambda raw: entry(raw, "fail", "coverage").update(severity="warning"))


def test_a_group_has_one_severity(load: Load) -> None:
    """A group is met or not as a whole."""

    def mixed(raw: Raw) -> None:
        for column, severity in (("bad_at_most", "critical"), ("rejected_at_most", "warning")):
            entry(raw, "hold", column).update(severity=severity)
            entry(raw, "hold", column)["meta"]["group"] = "both"

    with pytest.raises(GateError, match="'both' differ in their severity: critical, warning"):
        load(mixed)


@pytest.mark.parametrize(
    ("kwargs", "frame"),
    [
        ({"column": "coverage", "row_condition": category("shoe") | {"column": {"name": "categry"}}}, "images"),
        ({"column": "category", "max_value": 0.5}, "delivery"),
        ({"column": "bad_at_mots", "max_value": 0.5}, "counts"),
        ({"column": "rejcted", "max_value": 0.5}, "delivery"),
        ({"column": "distance_at_lest", "max_value": 0.5}, "drift"),
    ],
    ids=["misspelt condition", "text compared with a number", "misspelt count", "misspelt flag", "misspelt distance"],
)
def test_an_expectation_that_raises_is_an_error_and_not_a_verdict(load: Load, kwargs: Raw, frame: str) -> None:
    """Nothing is published because a rule could not be computed."""

    def broken(raw: Raw) -> None:
        meta = {"frame": frame, "action": "hold", "words": "broken"}
        full = {"max_value": 0.5, **kwargs}
        raw["expectations"].append({"type": "expect_column_values_to_be_between", "kwargs": full, "meta": meta})

    with pytest.raises(GateError, match=r"these rules do not fit|needs an expect_column_values_to_not_be_null"):
        judged(load(broken), {"category": "shoe"}, drift=drifted({}))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (category(5), "category, which is text, with 5"),
        (category("0.5") | {"column": {"name": "coverage"}}, "no row can meet its row_condition"),
        (category("2") | {"column": {"name": "components"}}, "components, which is a number, with '2'"),
        (category(True) | {"column": {"name": "components"}}, "components, which is a number, with True"),
        ({"type": "or", "conditions": [category("shoe"), category(5)]}, "category, which is text, with 5"),
        (category([5]) | {"operator": "IN"}, "category, which is text, with 5"),
    ],
    ids=["number for text", "text for a share", "text for number", "flag for number", "within another", "in a list"],
)
def test_a_condition_that_no_row_can_meet_is_an_error(load: Load, condition: Raw, words: str) -> None:
    """A category that is compared with a number selects nothing, so the rule would never apply."""

    def change(raw: Raw) -> None:
        entry(raw, "quarantine", "p_bad")["kwargs"].update(row_condition=condition)

    with pytest.raises(GateError, match=words):
        judged(load(change), {"p_bad": 0.99, "category": "shoe"})


def test_a_suite_that_passes_everything_is_refused(load: Load) -> None:
    """Without a critical rule that quarantines or holds, every mask would be published."""

    def softened(raw: Raw) -> None:
        for one in raw["expectations"]:
            if one["meta"]["action"] != "fail":
                one["severity"] = "warning"

    with pytest.raises(GateError, match="passes everything: it has no critical rule"):
        judged(load(softened), {"p_bad": 0.99})


def test_a_suite_that_judges_drift_alone_is_refused(load: Load) -> None:
    """A first delivery is compared with nothing, so all of it would be published."""

    def softened(raw: Raw) -> None:
        for one in raw["expectations"]:
            if one["meta"]["action"] != "fail" and one["meta"]["frame"] != "drift":
                one["severity"] = "warning"

    with pytest.raises(GateError, match=r"passes everything: .* about more than drift"):
        judged(load(softened), {"p_bad": 0.99})


def test_a_suite_whose_rules_all_have_conditions_is_refused(load: Load) -> None:
    """A mask that none of the conditions selects would be published unseen."""

    def narrowed(raw: Raw) -> None:
        for one in raw["expectations"]:
            if one["meta"]["action"] != "fail":
                one["kwargs"]["row_condition"] = (
                    category("shoe") if one["meta"]["frame"] == "images" else category(None)
                )

    with pytest.raises(GateError, match="lets through what none of its conditions selects"):
        judged(load(narrowed), {"p_bad": 0.99})


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_not_match_regex", {"column": "components", "regex": "^9$"}),
        ("expect_column_values_to_not_be_in_set", {"column": "components", "value_set": ["9"]}),
        ("expect_column_values_to_not_be_in_set", {"column": "image_id", "value_set": [9]}),
    ],
)
def test_a_rule_about_text_judges_no_numbers(load: Load, kind: str, kwargs: Raw) -> None:
    """No number matches a pattern, so every one would pass, and so would a text that is compared with numbers."""

    def change(raw: Raw) -> None:
        whole = {"frame": "images", "action": "fail", "words": "not known"}
        complete = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "image_id"}, "meta": whole}
        meta = {"frame": "images", "action": "quarantine", "words": "unwanted"}
        raw["expectations"] += [complete, {"type": kind, "kwargs": kwargs, "meta": meta}]

    with pytest.raises(GateError, match="these rules do not fit the columns"):
        judged(load(change), {"components": 9})


@pytest.mark.parametrize(
    ("kind", "frame", "kwargs", "words"),
    [
        ("values", "images", {"column": "frame_contact", "max_value": 0.1}, "1 of 2 images"),
        ("mean", "images", {"column": "frame_contact", "max_value": 0.1}, "frame_contact is 0.25"),
        ("values", "delivery", {"column": "bad", "max_value": 0, "mostly": 0.9}, "1 of 3 images"),
        ("sum", "delivery", {"column": "bad", "max_value": 0}, "bad is 1"),
        ("values", "counts", {"column": "rejected", "max_value": 0}, "1 of 3; 1 of 1 in vase"),
    ],
)
def test_the_reason_of_a_hold_counts_what_broke_its_rule(
    load: Load, kind: str, frame: str, kwargs: Raw, words: str
) -> None:
    """Not the bad images of the delivery, which may be none, but the images or the value that the rule is about."""

    def change(raw: Raw) -> None:
        meta = {"frame": frame, "action": "hold", "words": "held"}
        name = f"expect_column_{kind}_to_be_between"
        raw["expectations"].append({"type": name, "kwargs": kwargs, "meta": meta})

    table = metrics({"category": "shoe"}, {"category": "shoe", "frame_contact": 0.5})
    found = quality.judge(load(change), table, images=3, rejected={"c": "vase"})
    assert found.holds == (f"held ({words})",)


def test_a_rule_whose_condition_selects_nothing_says_so(load: Load) -> None:
    """A delivery need not have every category, so this is not an error, but it is not told as a success of 0 rows."""
    own = load(lambda raw: entry(raw, "quarantine", "p_bad")["kwargs"].update(row_condition=category("shoe")))
    found = judged(own, {"p_bad": 0.99, "category": "vase"})
    assert [one.observed for one in found.outcomes if one.column == "p_bad" and one.action == "quarantine"] == [
        "no row to judge"
    ]


def test_a_suite_for_something_else_is_refused(suite: quality.Suite) -> None:
    """Rules for manifests judge no masks, and rules for masks no manifest: nothing would be checked."""
    with pytest.raises(GateError, match="has rules for rows; only images, delivery, counts, drift are judged here"):
        judged(quality.load_suite(quality.bundled("manifest")), {"p_bad": 0.99})
    with pytest.raises(GateError, match="only rows are judged here"):
        quality.refusals(suite, "north", pa.table({"image_id": ["a"]}))
