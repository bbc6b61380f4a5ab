"""A suite reports on a delivery's masks image by image, and nothing passes unjudged."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cutouts.adapters import quality
from cutouts.core.errors import GateError
from tests.adapters.quality.made import Load, Raw, entry, judged, metrics


def test_sound_masks_meet_every_expectation(suite: quality.Suite) -> None:
    """Every expectation of the file is reported as met."""
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
    """The image is named, and the reason is written for a person."""
    (finding,) = judged(suite, {}, image, {}).findings
    assert finding.image_ids == {"b"}
    assert words in finding.words


def test_a_mask_may_fail_in_several_ways(suite: quality.Suite) -> None:
    """Each expectation names its own images, and the outcome counts them."""
    judgement = judged(suite, {"saliency_peak": 0.1, "coverage": 0.0}, {"coverage": 0.001}, {}, {})
    assert [set(finding.image_ids) for finding in judgement.findings] == [{"a"}, {"a", "b"}]
    failed = {outcome.words: outcome for outcome in judgement.outcomes if not outcome.success}
    assert failed[judgement.findings[1].words].failing == 2
    assert failed[judgement.findings[1].words].observed == "2 of 4 rows fail"


@pytest.mark.parametrize(
    ("sound", "bad", "rejected", "held"),
    [(6, 4, 0, False), (30, 5, 0, False), (20, 5, 0, True), (10, 3, 2, True), (0, 0, 5, True), (0, 0, 4, False)],
    ids=[
        "four of ten are too few",
        "five of 35 are too small a share",
        "five of 25 may well be more than 30 % of such images",
        "rejected images are bad images",
        "five broken files hold it",
        "four broken files do not",
    ],
)
def test_a_delivery_is_held_if_both_the_number_and_the_share_of_bad_images_are_large(
    suite: quality.Suite, sound: int, bad: int, rejected: int, held: bool
) -> None:
    """The reason says how many of how many are bad."""
    masks: list[dict[str, object]] = [{}] * sound + [{"saliency_peak": 0.2} for _ in range(bad)]
    judgement = judged(suite, *masks, rejected=tuple(f"broken {number}" for number in range(rejected)))
    assert bool(judgement.holds) is held
    assert all(f"({bad + rejected} of {sound + bad + rejected})" in words for words in judgement.holds)


def test_thresholds_are_read_from_the_file(load: Load) -> None:
    """A changed number in the JSON changes the decision and its wording."""

    def stricter(raw: Raw) -> None:
        entry(raw, "quarantine", "soft_inside")["kwargs"]["max_value"] = 0.005
        hold = entry(raw, "hold", "bad_at_most")["kwargs"]
        hold["max_value"] = 0.1
        hold.pop("row_condition")

    judgement = judged(load(stricter), {}, {"soft_inside": 0.001})
    assert [set(finding.image_ids) for finding in judgement.findings] == [{"a"}]
    assert judgement.holds == (
        "more than 10% of images like these may be bad (95% confidence), and at least 5 are (1 of 2)",
    )


def test_an_incomplete_delivery_does_not_pass(suite: quality.Suite) -> None:
    """An empty delivery, and one with missing masks, are errors."""
    with pytest.raises(GateError, match="0 images"):
        judged(suite)
    with pytest.raises(GateError, match="3 images cannot be judged: only 2 measured and 0 rejected"):
        quality.judge(suite, metrics({}, {}), images=3, rejected={})


@pytest.mark.parametrize("column", ["saliency_peak", "coverage", "components", "fringe"])
@pytest.mark.parametrize("masks", [1, 3])
def test_unmeasured_masks_do_not_pass(suite: quality.Suite, column: str, masks: int) -> None:
    """A column with even a single null cannot be judged."""
    with pytest.raises(GateError, match=f"{column} was not measured"):
        judged(suite, *[{}] * (masks - 1), {column: None})


def test_nan_and_infinity_do_not_pass(suite: quality.Suite) -> None:
    """NaN counts as not measured, and infinity as outside every range."""
    with pytest.raises(GateError, match="coverage was not measured"):
        judged(suite, {"coverage": float("nan")})
    assert len(judged(suite, {"coverage": float("inf")}).findings) == 1


def test_an_image_measured_twice_does_not_pass(suite: quality.Suite) -> None:
    """Its masks would be counted twice."""
    with pytest.raises(GateError, match="more than once"):
        judged(suite, {"image_id": "a"}, {"image_id": "a"})


def test_a_crashed_check_is_an_error_and_not_a_verdict(suite: quality.Suite) -> None:
    """A missing column does not mean a bad mask."""
    with pytest.raises(GateError, match="the frame images has no column fringe"):
        quality.judge(suite, metrics({}).drop_columns("fringe"), images=1, rejected={})


def test_booleans_are_judged_as_numbers(load: Load) -> None:
    """An expectation may ask for the share of a flag."""

    def ask(raw: Raw) -> None:
        whole = {"frame": "images", "action": "fail", "words": "not known"}
        complete = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "guessed"}, "meta": whole}
        meta = {"frame": "images", "action": "hold", "words": "more than {max_value:.0%} were guessed"}
        kwargs = {"column": "guessed", "max_value": 0.5}
        mean = {"type": "expect_column_mean_to_be_between", "kwargs": kwargs, "meta": meta}
        raw["expectations"] += [complete, mean]

    table = metrics({}, {}, {}).append_column("guessed", pa.array([True, True, False]))
    assert quality.judge(load(ask), table, images=3, rejected={}).holds == (
        "more than 50% were guessed (guessed is 0.6667)",
    )
