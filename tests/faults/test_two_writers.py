"""Two processes publish content of their own to one PostgreSQL catalogue for `--minutes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.steps.journal import keep_journal, rebuild
from tests.adapters.catalog.two_writers import check_books, run_writers
from tests.faults.conftest import SAID

pytestmark = pytest.mark.faults

KILLED_S = 15.0
"""Each writer is killed (SIGKILL) at random moments, so many seconds apart on average."""


def test_the_books_of_two_writers_are_exact_after_minutes(
    request: pytest.FixtureRequest, postgres_schema: str, tmp_path: Path
) -> None:
    """Every publication and the states in between are as both writers recorded, and so is the rebuilt catalogue."""
    tables, minutes = str(tmp_path / "tables"), request.config.getoption("--minutes")
    happened = run_writers(postgres_schema, tables, writers=2, seconds=60 * minutes, rounds=20, killed_after=KILLED_S)
    keep_journal(Site(root=tables, tables=tables, catalog=postgres_schema))
    with Catalog.open(postgres_schema) as catalog:
        check_books(catalog, happened)
    anew = Site(root=str(tmp_path), tables=str(tmp_path / "tables"), catalog=f"sqlite:///{tmp_path}/anew.sqlite")
    rebuild(anew)
    with Catalog.open(anew.catalog_url) as catalog:
        check_books(catalog, happened)
    overtaken = sum(not one.published and not one.withdrawn for one in happened)
    request.config.stash[SAID].append(
        f"Two processes published at once on PostgreSQL for {minutes:g} minutes, each killed every {KILLED_S:g} "
        f"seconds on average: {len(happened)} publications, {overtaken} of them without effect because a later day was "
        "live. All counts and rows of the catalogue were right, also after it was rebuilt from the journal."
    )
