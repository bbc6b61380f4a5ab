"""README.md and the first pages compared with the code: the formats and versions that they name are right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cutouts.adapters.images.formats import Format
from cutouts.models.table import rows as model_rows
from tests.docs.pages import COMMAND_LINE, INSTALL, MODELS, QUICK_START, README, ROOT, prose, rows

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("page", [README, QUICK_START, COMMAND_LINE], ids=lambda page: page.name)
def test_every_format_is_named(page: Path) -> None:
    """One sentence lists the readable formats."""
    sentence = re.search(r"^(.*) are read[.:]", prose(page), re.MULTILINE)
    assert sentence
    assert set(re.findall(r"[A-Z]\w+", sentence[1])) == {form.value for form in Format}


def test_the_supported_python_versions_are_right() -> None:
    """Lowest and highest version are those of `requires-python`."""
    install = re.search(r"Python 3\.(\d+) to 3\.(\d+)", prose(INSTALL))
    readme = re.search(r"Python 3\.(\d+) to 3\.(\d+)", prose(README))
    assert install
    assert readme
    assert install.groups() == readme.groups()
    assert PROJECT["requires-python"] == f">=3.{install[1]},<3.{int(install[2]) + 1}"


@pytest.mark.parametrize("page", [README, INSTALL], ids=lambda page: page.name)
def test_every_extra_that_a_page_installs_exists(page: Path) -> None:
    """`pip install ".[cpu]"` names an extra of the project."""
    extras = {
        name
        for group in re.findall(r"pip install \"[^\"]*\[([\w,]+)\]", page.read_text(encoding="utf-8"))
        for name in group.split(",")
    }
    assert extras
    assert extras <= set(PROJECT["optional-dependencies"])


def test_every_extra_is_documented() -> None:
    """The table of the page about installing has exactly the extras of the project."""
    told = {row[0].strip("`") for row in rows(INSTALL, "## With pip")} - {"none"}
    assert told == set(PROJECT["optional-dependencies"])


def test_every_shipped_network_is_documented() -> None:
    """The table has exactly the networks whose files are in the package."""
    shipped = {row.name for row in model_rows() if row.url is None}
    assert {row[0].strip("`") for row in rows(MODELS, "part of the package")} == shipped
