"""Renditions as records: what a table means, and what is wrong with it."""

from __future__ import annotations

import pytest

from cutouts.core.errors import ConfigError
from cutouts.core.renditions.rendition import Rendition, parse_renditions


def one(**table: object) -> Rendition:
    """The rendition of a table."""
    return parse_renditions({"it": table}, "here")["it"]


def test_every_problem_of_every_table_is_listed_at_once() -> None:
    """One error names each wrong key of each rendition."""
    tables = {
        "first": {"fill": 2, "colour": "red", "format": "bmp"},
        "second": {"format": "jpeg", "fill": 0.8, "margin": 0.1, "width_px": 100},
        "Third": {"ground": "whiteish"},
        "fourth": 3,
    }
    with pytest.raises(ConfigError) as error:
        parse_renditions(tables, "shop.toml")
    text = str(error.value)
    for words in (
        *("shop.toml", "first.fill", "first.colour: unknown setting", "first.format"),
        *("second: fill and margin", "second: one of width_px and height_px", "second: jpeg has no transparency"),
        *("Third.name", "Third.ground: 'whiteish' is not a ground", "fourth: expected a table"),
    ):
        assert words in text


def test_a_value_of_another_type_is_refused() -> None:
    """Numbers in quotation marks, whole numbers with a point, and true for a number are slips of the pen."""
    wrong = {
        "width_px": "1600",
        "quality": 90.0,
        "fill": True,
        "enlarge": "yes",
        "ground": [255, 255, 255],
        "shadow": 1,
    }
    with pytest.raises(ConfigError) as error:
        one(**wrong)
    text = str(error.value)
    for words in (
        *("it.width_px: expected a whole number", "it.quality: expected a whole number", "it.fill: expected a number"),
        *("it.enlarge: expected true or false", "it.shadow: expected 'none', 'kept' or 'contact'"),
        "it.ground: [255, 255, 255] is not a ground",
    ):
        assert words in text


def test_a_margin_is_another_way_to_say_fill() -> None:
    """A tenth of the frame on both sides leaves eight tenths."""
    assert one(margin=0.1).fill_share == pytest.approx(0.8)
    assert one(fill=0.8).fill_share == 0.8
    assert one().fill_share == 1


def test_an_aspect_and_one_length_give_the_exact_size() -> None:
    """The other length is rounded."""
    assert one(aspect="3:4", width_px=1500).exact_size == (1500, 2000)
    assert one(aspect="1801:2600", height_px=2600).exact_size == (1801, 2600)
    assert one(aspect="3:4", max_side_px=100).exact_size is None


def test_the_digest_is_of_everything_that_changes_the_file() -> None:
    """It depends on every setting and on the bytes of the ground, but not on the name."""
    tables: list[dict[str, object]] = [
        {},
        {"fill": 0.9},
        {"ground": "white"},
        {"ground": "#fffffe"},
        {"ground_image": b"1"},
        {"ground_image": b"2"},
        {"max_bytes": 9},
        {"shadow": "contact"},
        {"quality": 80},
    ]
    digests = {one(**table).digest for table in tables}
    assert len(digests) == len(tables)
    renamed = parse_renditions({"a": {"fill": 0.9}, "b": {"fill": 0.9}}, "here")
    assert renamed["a"].digest == renamed["b"].digest
