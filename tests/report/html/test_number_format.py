"""Numbers in a readable form."""

from __future__ import annotations

import pytest

from cutouts.report.html.number_format import clock, number, share


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (12345, "12\u202f345"), (8.254, "8.25"), (0.03124, "0.0312"), (1234.5, "1\u202f234")]
)
def test_numbers_are_short(value: float, words: str) -> None:
    """Thousands are separated, and decimals appear only if they matter."""
    assert number(value) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "0\u202f%"), (1, 1000, "<1\u202f%"), (999, 1000, ">99\u202f%"), (1, 4, "25\u202f%")],
)
def test_a_share_is_never_rounded_to_zero_or_all(part: int, whole: int, words: str) -> None:
    """One bad image in a thousand is not 0 %."""
    assert share(part, whole) == words


@pytest.mark.parametrize(("seconds", "words"), [(8.26, "8.3 s"), (245, "4 min 05 s"), (7800, "2 h 10 min")])
def test_times_have_a_suitable_unit(seconds: float, words: str) -> None:
    """The units are seconds, minutes and hours."""
    assert clock(seconds) == words
