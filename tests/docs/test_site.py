"""mkdocs.yml compared with docs/: it has every page, and neither the build nor a browser downloads anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.docs.pages import DOCS, ROOT

SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def _pages(nav: list[dict[str, Any]]) -> Iterator[str]:
    """The files of a navigation, in order."""
    for entry in nav:
        for target in entry.values():
            yield from [target] if isinstance(target, str) else _pages(target)


def test_every_page_is_in_the_navigation_once() -> None:
    """Otherwise a page could not be found on the site."""
    assert sorted(_pages(SITE["nav"])) == sorted(page.name for page in DOCS.glob("*.md"))


def test_nothing_is_loaded_from_other_hosts() -> None:
    """There are no fonts, plugins or scripts that load files of another host."""
    assert SITE["theme"]["font"] is False
    assert SITE["plugins"] == ["search"]
    assert [name for name in SITE["extra_css"] if not (DOCS / name).is_file()] == []
    assert "extra_javascript" not in SITE


def test_links_and_anchors_are_checked() -> None:
    """`--strict` makes each of these warnings an error."""
    assert set(SITE["validation"]["links"].values()) == {"warn"}
    makefile, script = ((ROOT / path).read_text(encoding="utf-8") for path in ("Makefile", ".ci/run"))
    assert "mkdocs build --strict\n" in makefile  # with --quiet, warnings are not counted
    assert re.search(r"^make .*\bdocs\b", script, re.MULTILINE)
