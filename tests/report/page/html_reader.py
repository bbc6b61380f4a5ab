"""Parses a written report for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_ADDRESSES = ("src", "href", "srcset", "action", "data", "poster", "style")


@dataclass(slots=True)
class ReadPage(HTMLParser):
    """Tags with their attributes, and the visible text."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    _hidden: int = 0

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag; the content of styles and scripts is not text."""
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._hidden += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        """A style or script ends."""
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        """Note the text."""
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All text, with white space collapsed."""
        return " ".join(" ".join(self.words).split())

    @property
    def addresses(self) -> list[str]:
        """All addresses that a browser could load or follow."""
        return [attributes[name] for _, attributes in self.tags for name in _ADDRESSES if name in attributes]

    def names(self) -> list[str]:
        """The images of the contact sheet in order."""
        return [attributes["data-name"] for _, attributes in self.tags if "data-name" in attributes]


def read_page(html: str) -> ReadPage:
    """Parse a page."""
    page = ReadPage()
    page.feed(html)
    page.close()
    return page
