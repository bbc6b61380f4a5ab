"""Suites that could pass by accident are refused when they are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cutouts.core.errors import GateError
from tests.adapters.quality.made import Load, Raw, entry

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


def test_every_problem_of_a_suite_is_reported_at_once(load: Load) -> None:
    """One reading finds them all."""

    def change(raw: Raw) -> None:
        CHANGES["a misspelt expectation"][0](raw)
        CHANGES["an unknown severity"][0](raw)
        entry(raw, "quarantine", "saliency_peak")["meta"]["action"] = "stop"

    with pytest.raises(GateError, match=r"unknown action 'stop'(.|\n)*unknown or not allowed"):
        load(change)
