"""Every page: its links and files exist, and the page itself can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, README, ROOT, links, prose, spans

ELSEWHERE = {"index.md": "README.md", "design.md": "pipeline/DESIGN.md", "changelog.md": "CHANGELOG.md"}
"""Pages of the site whose original file the README links to."""

TOP = ("dags", "docker", "docs", "examples", "pipeline", "plugins", "schemas", "tests")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """Links and pictures within the project exist, and a page in docs/ links only to that folder."""
    for link in links(page):
        assert (page.parent / link).is_file(), link
        assert page.parent == ROOT or (page.parent / link).parent == DOCS, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_it_names_exist(page: Path) -> None:
    """A path in backticks that begins with a project folder is a project file."""
    paths = [span for span in spans(page) if re.fullmatch(rf"({'|'.join(TOP)})/[\w./-]+\.\w+", span)]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_the_readme_leads_to_every_page() -> None:
    """Every page can be reached through links."""
    linked = {(ROOT / link).resolve() for link in links(README)}
    pages = {(ROOT / ELSEWHERE.get(page.name, f"docs/{page.name}")).resolve() for page in DOCS.glob("*.md")}
    assert pages - {README} <= linked


def test_the_readme_fits_on_two_screens() -> None:
    """Everything longer has a separate page."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title(page: Path) -> None:
    """It has one heading of the first level, at the top."""
    assert re.findall(r"^# .+$", prose(page), re.MULTILINE) == [page.read_text(encoding="utf-8").splitlines()[0]]
