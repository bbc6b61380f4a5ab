"""Numbers that people write, and what is said about those that nobody can mean."""

from __future__ import annotations

import tomllib

import pytest

from cutouts.core.product_box import ProductBox
from cutouts.core.text.files import toml_tables
from cutouts.core.text.numbers import whole_number

_ENDLESS = "9" * 5_000
"""More digits than Python converts."""


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_digits_are_a_number(text: str, number: int) -> None:
    """Zeros in front do not matter."""
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1_000", "٣", "²", "9" * 19, _ENDLESS])
def test_anything_else_is_none(text: str) -> None:
    """Signs, spaces, other scripts, and numbers that no column could hold."""
    assert whole_number(text) is None


@pytest.mark.parametrize(
    ("text", "words"), [(f"a = {_ENDLESS}", "too many digits"), ("a = " + "[" * 9_999, "too deeply"), ("a", "Expected")]
)
def test_every_broken_toml_file_is_the_same_error(text: str, words: str) -> None:
    """What a reader of settings, recipes and models catches, without Python's words about its own settings."""
    with pytest.raises(tomllib.TOMLDecodeError, match=words):
        toml_tables(text.encode())


@pytest.mark.parametrize("text", [f"1,1,{_ENDLESS},9", "1,1,9", "1,1,9,9,", "1,1,,9", "1,1,٣,9"])
def test_a_box_has_four_numbers(text: str) -> None:
    """Whatever else is written is answered in words of ours."""
    with pytest.raises(ValueError, match="is not a box: expected LEFT,TOP,RIGHT,BOTTOM in px"):
        ProductBox.parse(text)
