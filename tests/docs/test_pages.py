"""Every page: links lead somewhere, files exist, and each page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, README, ROOT, links, prose, spans

ELSEWHERE = {"index.md": "README.md", "design.md": "pipeline/DESIGN.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site that the README links to where the file itself is."""

TOP = ("dags", "docker", "docs", "examples", "pipeline", "plugins", "schemas", "tests")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link and picture within the project is a file; a page in docs/ links to its folder alone."""
    for link in links(page):
        assert (page.parent / link).is_file(), link
        assert page.parent == ROOT or (page.parent / link).parent == DOCS, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_it_names_exist(page: Path) -> None:
    """A path in backticks that begins with a folder of the project is a file of the project."""
    paths = [span for span in spans(page) if re.fullmatch(rf"({'|'.join(TOP)})/[\w./-]+\.\w+", span)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_the_readme_leads_to_every_page() -> None:
    """No page can only be found by chance."""
    linked = {(ROOT / link).resolve() for link in links(README)}
    pages = {(ROOT / ELSEWHERE.get(page.name, f"docs/{page.name}")).resolve() for page in DOCS.glob("*.md")}
    assert pages - {README} <= linked


def test_the_readme_is_one_or_two_screens() -> None:
    """Everything longer has a page of its own."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title(page: Path) -> None:
    """One heading of the first level, first."""
    assert re.findall(r"^# .+$", prose(page), re.MULTILINE) == [page.read_text(encoding="utf-8").splitlines()[0]]
