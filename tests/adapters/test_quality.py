"""Suites of expectations cannot pass by accident, and what they say of a delivery is told image by image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pytest

from pipeline.adapters import quality
from pipeline.core.errors import GateError
from pipeline.core.gate import Judgement
from schemas.tables import MANIFEST, METRICS

SOUND = {
    "sha256": "0" * 64,
    "matte_digest": "m",
    "render_digest": "r",
    "saliency_peak": 0.99,
    "saliency_mean": 0.2,
    "coverage": 0.3,
    "soft_inside": 0.01,
    "components": 1,
    "frame_contact": 0.0,
    "edge_alignment": 0.9,
    "fringe": 2.0,
}
Raw: TypeAlias = dict[str, Any]
Load: TypeAlias = Callable[[Callable[[Raw], object]], quality.Suite]


@pytest.fixture(scope="module")
def suite() -> quality.Suite:
    """The gate's own suite."""
    return quality.load_suite(quality.bundled("mask_quality"))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the gate's suite after a change of its JSON."""

    def load_changed(change: Callable[[Raw], object]) -> quality.Suite:
        raw = json.loads(quality.bundled("mask_quality").read_text(encoding="utf-8"))
        change(raw)
        file = tmp_path / "changed.json"
        file.write_text(json.dumps(raw), encoding="utf-8")
        return quality.load_suite(file)

    return load_changed


def metrics(*images: dict[str, object]) -> pa.Table:
    """One sound mask per entry, changed as it says; named a, b, c and so on."""
    rows = [SOUND | {"image_id": chr(ord("a") + place)} | image for place, image in enumerate(images)]
    return pa.Table.from_pylist(rows, schema=METRICS)


def judged(suite: quality.Suite, *images: dict[str, object], rejected: tuple[str, ...] = ()) -> Judgement:
    """What the suite says of these masks and rejections."""
    return quality.judge(suite, metrics(*images), images=len(images) + len(rejected), rejected=rejected)


def entry(raw: Raw, action: str, column: str | None) -> Raw:
    """The first expectation of a suite with this action and column."""
    found: Raw = next(
        one for one in raw["expectations"] if one["meta"]["action"] == action and one["kwargs"].get("column") == column
    )
    return found


def test_sound_masks_give_no_reason_to_keep_anything_back(suite: quality.Suite) -> None:
    """Every expectation of the file is told, and all are met."""
    judgement = judged(suite, {}, {}, {})
    assert (judgement.findings, judgement.holds) == ((), ())
    assert len(judgement.outcomes) == len(suite.rules)
    assert all(outcome.success for outcome in judgement.outcomes)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"saliency_peak": 0.4}, "sees no product"),
        ({"coverage": 0.004}, "nearly empty"),
        ({"coverage": 0.99}, "nearly the whole image"),
        ({"soft_inside": 0.9}, "half transparent"),
    ],
)
def test_a_bad_mask_is_found_with_its_reason(suite: quality.Suite, image: dict[str, object], words: str) -> None:
    """The image is named, and the words are for a person."""
    (finding,) = judged(suite, {}, image, {}).findings
    assert finding.image_ids == {"b"}
    assert words in finding.words


def test_a_mask_may_be_bad_in_more_than_one_way(suite: quality.Suite) -> None:
    """Each expectation names its own images, and the outcome counts them."""
    judgement = judged(suite, {"saliency_peak": 0.1, "coverage": 0.0}, {"coverage": 0.001}, {}, {})
    assert [set(finding.image_ids) for finding in judgement.findings] == [{"a"}, {"a", "b"}]
    failed = {outcome.words: outcome for outcome in judgement.outcomes if not outcome.success}
    assert failed[judgement.findings[1].words].failing == 2
    assert failed[judgement.findings[1].words].observed == "2 of 4 rows fail"


@pytest.mark.parametrize(
    ("sound", "bad", "rejected", "held"),
    [(6, 4, 0, False), (20, 5, 0, False), (10, 5, 0, True), (10, 3, 2, True), (0, 0, 5, True), (0, 0, 4, False)],
    ids=[
        "four of ten are too few",
        "five of 25 are too small a share",
        "five of fifteen hold it",
        "rejected images are bad images",
        "five broken files hold it",
        "four broken files do not",
    ],
)
def test_a_delivery_is_held_where_many_and_a_large_share_are_bad(
    suite: quality.Suite, sound: int, bad: int, rejected: int, held: bool
) -> None:
    """Both have to be so; the reason says how many of how many."""
    masks: list[dict[str, object]] = [{}] * sound + [{"saliency_peak": 0.2} for _ in range(bad)]
    judgement = judged(suite, *masks, rejected=tuple(f"broken {number}" for number in range(rejected)))
    assert bool(judgement.holds) is held
    assert all(f"({bad + rejected} of {sound + bad + rejected})" in words for words in judgement.holds)


def test_thresholds_are_read_from_the_file(load: Load) -> None:
    """Another number in the JSON is another decision, and the words follow it."""

    def stricter(raw: Raw) -> None:
        entry(raw, "quarantine", "soft_inside")["kwargs"]["max_value"] = 0.005
        for one in raw["expectations"]:
            if one["meta"]["action"] == "hold":
                one["kwargs"]["max_value"] = 0

    judgement = judged(load(stricter), {}, {"soft_inside": 0.001})
    assert [set(finding.image_ids) for finding in judgement.findings] == [{"a"}]
    assert judgement.holds == (
        "more than 0% of the delivery's images are bad, and more than 0 images are bad (1 of 2)",
    )


def test_nothing_to_judge_is_no_pass(suite: quality.Suite) -> None:
    """An empty delivery, and one whose masks are not all there, are errors."""
    with pytest.raises(GateError, match="0 images"):
        judged(suite)
    with pytest.raises(GateError, match="3 images cannot be judged by 2 measured and 0 rejected"):
        quality.judge(suite, metrics({}, {}), images=3, rejected=())


@pytest.mark.parametrize("column", ["saliency_peak", "coverage", "components", "fringe"])
@pytest.mark.parametrize("masks", [1, 3])
def test_what_was_not_measured_is_no_pass(suite: quality.Suite, column: str, masks: int) -> None:
    """A column of nulls, or a single one, cannot be judged."""
    with pytest.raises(GateError, match=f"{column} was not measured"):
        judged(suite, *[{}] * (masks - 1), {column: None})


def test_a_measure_that_is_no_number_is_no_pass(suite: quality.Suite) -> None:
    """Not a number counts as not measured, infinity as outside every range."""
    with pytest.raises(GateError, match="coverage was not measured"):
        judged(suite, {"coverage": float("nan")})
    assert len(judged(suite, {"coverage": float("inf")}).findings) == 1


def test_an_image_that_was_measured_twice_is_no_pass(suite: quality.Suite) -> None:
    """Its masks would count twice."""
    with pytest.raises(GateError, match="more than once"):
        judged(suite, {"image_id": "a"}, {"image_id": "a"})


def test_a_check_that_crashed_is_an_error_and_no_verdict(suite: quality.Suite) -> None:
    """A missing column is not a bad mask."""
    with pytest.raises(GateError, match=r'checks crashed(.|\n)*"fringe" in BatchData does not exist'):
        quality.judge(suite, metrics({}).drop_columns("fringe"), images=1, rejected=())


def test_booleans_are_judged_as_numbers(load: Load) -> None:
    """A flag of the metrics can be asked for its share."""

    def ask(raw: Raw) -> None:
        meta = {"frame": "images", "action": "hold", "words": "more than {max_value:.0%} were guessed"}
        kwargs = {"column": "guessed", "max_value": 0.5}
        raw["expectations"].append({"type": "expect_column_mean_to_be_between", "kwargs": kwargs, "meta": meta})

    table = metrics({}, {}, {}).append_column("guessed", pa.array([True, True, False]))
    assert quality.judge(load(ask), table, images=3, rejected=()).holds == ("more than 50% were guessed (0 of 3)",)


CHANGES: dict[str, tuple[Callable[[Raw], object], str]] = {
    "a misspelt expectation": (
        lambda raw: entry(raw, "quarantine", "coverage").update(type="expect_column_values_to_be_betwen"),
        "betwen: there is no such expectation",
    ),
    "an unknown severity": (
        lambda raw: entry(raw, "quarantine", "coverage").update(severity="fatal"),
        "no severity 'fatal'",
    ),
    "a misspelt threshold": (
        lambda raw: entry(raw, "quarantine", "saliency_peak")["kwargs"].update(min_valu=0.1),
        "min_valu",
    ),
    "an unknown action": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(action="quarantaine"),
        "there is no action 'quarantaine'",
    ),
    "an unknown frame": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(frame="pictures"),
        "there is no frame 'pictures'",
    ),
    "words without their number": (
        lambda raw: entry(raw, "quarantine", "coverage")["meta"].update(words="above {limit}"),
        "limit",
    ),
    "no words at all": (lambda raw: entry(raw, "hold", "bad")["meta"].pop("words"), "words"),
    "a quarantine that lets some pass": (
        lambda raw: entry(raw, "quarantine", "coverage")["kwargs"].update(mostly=0.9),
        "takes no `mostly`",
    ),
    "a quarantine that judges no images": (
        lambda raw: entry(raw, "quarantine", "coverage").update(type="expect_column_mean_to_be_between"),
        "judges no single images",
    ),
    "a quarantine over a column that may be null": (
        lambda raw: raw["expectations"].remove(entry(raw, "fail", "soft_inside")),
        "needs an expect_column_values_to_not_be_null",
    ),
    "no expectations": (lambda raw: raw["expectations"].clear(), "no expectations"),
    "another file": (lambda raw: raw.pop("expectations"), "is no suite"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_a_suite_that_could_pass_by_accident_is_refused(
    load: Load, change: Callable[[Raw], object], words: str
) -> None:
    """It is refused when it is read, in words that find the place."""
    with pytest.raises(GateError, match=words):
        load(change)


def test_every_problem_of_a_suite_is_told_at_once(load: Load) -> None:
    """One reading finds them all."""

    def change(raw: Raw) -> None:
        CHANGES["a misspelt expectation"][0](raw)
        CHANGES["an unknown severity"][0](raw)
        entry(raw, "quarantine", "saliency_peak")["meta"]["action"] = "stop"

    with pytest.raises(GateError, match=r"no action 'stop'(.|\n)*no such expectation"):
        load(change)


def rows(*stated: dict[str, object]) -> pa.Table:
    """One row of a manifest per entry."""
    sound = dict.fromkeys(MANIFEST.names) | {"product_id": "shoe", "delivery_id": "north", "uri": "s3://shop/a"}
    return pa.Table.from_pylist(
        [sound | {"image_id": f"{place}.jpg"} | row for place, row in enumerate(stated)], schema=MANIFEST
    )


def test_a_delivery_that_states_little_or_all_rightly_is_not_refused() -> None:
    """What may be null may be null, and an empty file is stated as it is."""
    suite = quality.load_suite(quality.bundled("manifest"))
    stated = {"sha256": "0a" * 32, "bytes": 0, "width_px": 10, "height_px": 10, "etag": "v1"}
    assert quality.refusals(suite, "north", rows({}, stated)) == ()
    assert quality.refusals(suite, "north", rows({})) == ()


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"sha256": "0A" * 32}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"sha256": "0a" * 31}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"sha256": ""}, "sha256 is not 64 lower-case hexadecimal digits"),
        ({"bytes": -5}, "bytes is negative"),
        ({"width_px": 0}, "width_px is below 1"),
        ({"height_px": -1}, "height_px is below 1"),
    ],
)
def test_a_delivery_with_bad_content_is_refused_with_its_rows(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, object], words: str
) -> None:
    """The rows are counted from 1 through all slices in which the delivery is judged."""
    monkeypatch.setattr(quality, "_SLICE", 2)
    suite = quality.load_suite(quality.bundled("manifest"))
    (problem,) = quality.refusals(suite, "north", rows({}, stated, {}, {}, stated))
    assert (problem.delivery_id, problem.problem, problem.count) == ("north", words, 2)
    assert (problem.rows, problem.image_ids) == ((2, 5), ("1.jpg", "4.jpg"))


def test_a_delivery_without_rows_is_no_pass() -> None:
    """There is nothing that could be sound."""
    with pytest.raises(GateError, match="no rows"):
        quality.refusals(quality.load_suite(quality.bundled("manifest")), "north", rows())


def test_a_rule_that_compares_rows_is_refused_for_manifests(tmp_path: Path) -> None:
    """Slices cannot see what repeats across them."""
    raw = json.loads(quality.bundled("manifest").read_text(encoding="utf-8"))
    raw["expectations"][1].update(type="expect_column_values_to_be_unique", kwargs={"column": "sha256"})
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(GateError, match="compares rows"):
        quality.load_suite(file)
