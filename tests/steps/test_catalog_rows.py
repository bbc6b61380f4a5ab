"""What is damaged in the catalogue itself is found by its journal, and never read as something else in silence."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from cutouts.adapters.catalog import sql_tables
from cutouts.adapters.catalog.engine import open_engine
from cutouts.core.config import Site
from cutouts.core.errors import StorageError
from cutouts.steps.journal import keep_journal
from cutouts.steps.verify.catalog_rows import catalog_findings
from tests.adapters.catalog.conftest import postgres_schema
from tests.command import cutouts
from tests.steps.histories import Place, live, place, rows, url_of

__all__ = ["place", "postgres_schema"]

_FLIPS = 16
_CHANGED = (
    ("holds", "reasons", ["other"]),
    ("approvals", "why", "nobody looked"),
    ("hold_rejections", "rejected_by", "Bob"),
    ("publications", "published", 99),
    ("cutouts", "width_px", 641),
    ("past_cutouts", "cutout", "cutout-other.png"),
    ("taken_back", "sha256", "other"),
    ("image_reviews", "reviewed_by", "Bob"),
)


def test_every_changed_row_is_found(place: Place) -> None:
    """In each table, on both databases: the finding names table, row and column, also of rows that are not journalled
    yet."""
    live(place.site)
    assert [*catalog_findings(place.site)] == []
    keep_journal(place.site)
    assert [*catalog_findings(place.site)] == []
    with open_engine(url_of(place.site)).begin() as connection:
        for name, column, value in _CHANGED:
            table = sql_tables.metadata.tables[name]
            first = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings().first()
            assert first
            key = [one == first[one.name] for one in table.primary_key]
            connection.execute(sa.update(table).where(*key).values({column: value}))
        connection.execute(sa.delete(sql_tables.past_cutouts).where(sql_tables.past_cutouts.c.image_id == "c.jpg"))
    said = [finding.words for finding in catalog_findings(place.site)]
    for name, column, _ in _CHANGED:
        assert any(f": {name} " in one and (column in one or "taken_back" in one) for one in said), name
    assert any(": past_cutouts acme/c.jpg/1: it is missing" in one for one in said)
    assert all("`cutouts catalog rebuild`" in one for one in said)


def test_a_flipped_byte_is_found_or_changes_nothing(site: Site) -> None:
    """Wherever it is in the file of a SQLite catalogue: what reads it says so in words, and `verify` finds it."""
    live(site)
    keep_journal(site)
    path, rng, harmful = Path(url_of(site).removeprefix("sqlite:///")), random.Random(19), 0
    good, before = path.read_bytes(), _rows_or_error(site)
    used = [place for place, byte in enumerate(good) if byte]
    for _ in range(_FLIPS):
        at, byte = rng.choice(used), 1 << rng.randrange(8)
        path.write_bytes(good[:at] + bytes([good[at] ^ byte]) + good[at + 1 :])
        changed = _rows_or_error(site) != before
        harmful += changed
        assert _is_found(site) or not changed, at
        for command in (("catalog", "history"), ("catalog", "diff", "0"), ("gc", "--dry-run")):
            done = cutouts(*command, "--out", site.root)
            assert done.returncode in (0, 1), (at, command, done)
    assert harmful > _FLIPS // 3


@pytest.mark.parametrize("name", [table.name for table in sql_tables.metadata.sorted_tables])
def test_a_damaged_definition_of_a_table_is_found(site: Site, name: str) -> None:
    """It is a text in the file of a SQLite catalogue; what needs the table says how to repair it."""
    live(site)
    keep_journal(site)
    with closing(sqlite3.connect(url_of(site).removeprefix("sqlite:///"))) as connection:
        column = list(sql_tables.metadata.tables[name].columns)[-1].name
        connection.execute("PRAGMA writable_schema = ON")
        other = f"x{column[1:]}"
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?", (column, other, name))
        connection.commit()
    done = cutouts("verify", "--out", site.root)
    assert done.returncode == 1
    assert "`cutouts catalog rebuild`" in done.stdout + done.stderr
    assert _is_found(site)


def _rows_or_error(site: Site) -> object:
    """What is read, except the days of products, which `verify` does not know exactly."""
    try:
        found = rows(url_of(site))
        return found | {"products": [row["product_id"] for row in found["products"]]}
    except (ValueError, TypeError, sa.exc.SQLAlchemyError) as error:
        return error


def _is_found(site: Site) -> bool:
    try:
        return bool([*catalog_findings(site)])
    except StorageError as error:
        return str(error).startswith("the catalogue at ")
