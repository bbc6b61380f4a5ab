"""Counts with their noun."""

from __future__ import annotations

import pytest

from cutouts.core.text.counting import counted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((1, "image"), "1 image"), ((0, "image"), "0 images"), ((2, "delivery", "deliveries"), "2 deliveries")],
)
def test_only_one_is_singular(arguments: tuple[int, str] | tuple[int, str, str], words: str) -> None:
    """None and several have the plural, whether or not the noun ends in s."""
    assert counted(*arguments) == words
