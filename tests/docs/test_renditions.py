"""docs/renditions.md compared with the code: every setting of a rendition, and its default."""

from __future__ import annotations

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
