"""docs/renditions.md compared with the code: every setting of a rendition, and its default."""

from __future__ import annotations

import pytest

from cutouts.adapters.quality.channels import channels
from cutouts.core.renditions.rendition import Rendition
from cutouts.recipes import known_renditions
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
    """Each channel has a page with what was found in its sources, and each rule a row that says if it only warns and if
    it was verified."""
    channel = channels()[name]
    page = DOCS / f"channel-{name}.md"
    told = rows(page, "Rules")
    assert channel.reviewed
    assert channel.reviewed in page.read_text(encoding="utf-8")
    assert [row[0] for row in told] == [rule.words for rule in channel.rules]
    for row, rule in zip(told, channel.rules, strict=True):
        assert row[2] == f"{rule.source} ({rule.stated})"
        assert ("warning only" in row[1]) == (rule.severity == "warning")
        assert ("not verified" in row[1]) == (not rule.verified)


@pytest.mark.parametrize("name", sorted(channels()))
def test_each_channel_shows_a_picture_before_and_after(name: str) -> None:
    """A small one, of a rendition that the page names."""
    page = (DOCS / f"channel-{name}.md").read_text(encoding="utf-8")
    assert f"(channel-{name}.webp)" in page
    assert (DOCS / f"channel-{name}.webp").stat().st_size <= 60_000
    assert [one.name for one in known_renditions().values() if one.rules == name and f"`{one.name}`" in page]
