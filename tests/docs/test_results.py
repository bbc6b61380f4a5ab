"""docs/results.md, docs/gate.md and docs/catalogue.md compared with the code: columns, keys, outcomes and verdicts."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality import bundled, load_suite
from cutouts.core.decisions import Outcome, Verdict
from cutouts.core.text.naming import png_names
from cutouts.report.contents import RunSummary
from cutouts.schemas.tables import IMAGES
from tests.docs.pages import CATALOGUE, GATE, README, RESULTS, TROUBLESHOOTING, prose, rows, spans


def _listed(file: str) -> list[str]:
    """The names in backticks in the row about a file."""
    (row,) = (row for row in rows(RESULTS, "# What a run leaves") if row[0] == file)
    return re.findall(r"`(\w+)`", row[1])


def test_every_column_of_images_is_documented_in_order() -> None:
    """The row about images.parquet lists its columns."""
    assert _listed("`images.parquet`") == IMAGES.names


def test_every_key_of_the_summary_is_documented_in_order() -> None:
    """The row about summary.json lists its keys."""
    assert _listed("`summary.json`") == [field.name for field in fields(RunSummary)]


def test_every_outcome_is_explained() -> None:
    """The table has exactly the outcomes of the code, and the README names all of them."""
    assert {row[0].strip("*") for row in rows(RESULTS, "## Outcomes")} == set(Outcome)
    assert [outcome for outcome in Outcome if f"*{outcome}*" not in prose(README)] == []


def test_every_verdict_is_explained() -> None:
    """The page about the gate has exactly the verdicts of the code."""
    assert {row[0] for row in rows(GATE, "# The gate")} == set(Verdict)


@pytest.mark.parametrize("page", [GATE, TROUBLESHOOTING], ids=lambda page: page.name)
def test_the_documented_thresholds_match_the_suite(page: Path) -> None:
    """They are the shares and numbers of bad and rejected images that hold a delivery."""
    for rule in load_suite(bundled("mask_quality")).on("counts"):
        share, condition = rule.kwargs["max_value"], rule.kwargs["row_condition"]
        count = condition["conditions"][1]["parameter"]  # type: ignore[index] # it was read from JSON
        words = prose(page)
        assert f"at least {count} " in words
        assert f"{share:.0%}".replace("%", " %") in words


def test_every_column_of_the_view_is_documented_with_its_type(tmp_path: Path) -> None:
    """Consumers read this view of the catalogue."""
    database = tmp_path / "catalog.sqlite"
    Catalog.open(f"sqlite:///{database}").close()
    with closing(sqlite3.connect(database)) as connection:
        columns = connection.execute("PRAGMA table_info(published_cutouts)").fetchall()
    words = {"TEXT": "text", "INTEGER": "integer", "DATETIME": "timestamp"}
    told = [(row[0].strip("`"), row[1]) for row in rows(CATALOGUE, "## Reading the catalogue")]
    assert told == [(name, words[kind]) for _, name, kind, *_ in columns]


def test_the_documented_name_of_a_cutout_matches_the_code() -> None:
    """It is `<source>.png`: the path of the source with that suffix."""
    assert "<source>.png" in spans(RESULTS)
    assert png_names(["studio/shoe.jpg"]) == {"studio/shoe.jpg": "studio/shoe.png"}
