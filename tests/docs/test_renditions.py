"""docs/renditions.md compared with the code: every setting of a rendition, and its default."""

from __future__ import annotations

import pytest

from cutouts.adapters.quality.channels import channels
from cutouts.core.renditions.rendition import Rendition
from tests.docs.pages import DOCS, rows

PAGE = DOCS / "renditions.md"


def test_every_setting_of_a_rendition_is_documented() -> None:
    """The table has each setting with its description, in order, and no other."""
    told = {row[0].strip("`"): row[2] for row in rows(PAGE, "Renditions of your own")}
    known = {name: one.description for name, one in Rendition.model_fields.items() if name != "name"}
    assert told == known


def test_the_documented_defaults_are_right() -> None:
    """Numbers, words and switches; an empty cell means that there is no default."""
    for name, default, _ in rows(PAGE, "Renditions of your own"):
        value = Rendition.model_fields[name.strip("`")].default
        assert default in {str(value).lower(), "transparent" if value is None else "", "" if value is None else "-"}


@pytest.mark.parametrize("name", sorted(channels()))
def test_every_rule_is_documented_with_its_source(name: str) -> None:
    """Each channel has a section, and each rule a row that says if it only warns and if it was verified."""
    channel = channels()[name]
    told = rows(PAGE, f"### {channel.about}")
    assert [row[0] for row in told] == [rule.words for rule in channel.rules]
    for row, rule in zip(told, channel.rules, strict=True):
        assert row[2] == f"{rule.source} ({rule.stated})"
        assert ("warning only" in row[1]) == (rule.severity == "warning")
        assert ("not verified" in row[1]) == (not rule.verified)
