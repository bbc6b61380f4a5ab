"""CHANGELOG.md is compared with the version of the project."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import CHANGELOG, ROOT


def test_the_newest_entry_is_the_version_of_the_project() -> None:
    """A new version has an entry."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"^## \[([^\]]+)\] - (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0][0] == project["version"]


def test_each_entry_has_a_date_or_is_unreleased() -> None:
    """Keep a Changelog asks for this, and only the newest may be unreleased."""
    dates = re.findall(r"^## \[[^\]]+\] - (.+)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) for date in dates[1:])
    assert dates[0] == "unreleased" or re.fullmatch(r"\d{4}-\d{2}-\d{2}", dates[0])


def test_the_licence_file_matches_the_stated_licence() -> None:
    """It has the full text, unchanged."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
