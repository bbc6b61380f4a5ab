"""docs/opening.md compared with the code: its limits and messages are those that are checked."""

from __future__ import annotations

import re

import pytest

from cutouts.adapters.storage.manifests import footers, opening, row_groups
from cutouts.adapters.storage.manifests import rows as manifest_rows
from cutouts.core.manifests.checks import MAX_DELIVERY_ID
from cutouts.core.manifests.conversion import MAX_TEXT
from cutouts.schemas.tables import MANIFEST
from tests.docs.pages import MANIFESTS, prose, rows

LIMITS = dict(rows(MANIFESTS, "## Limits"))
MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("files of a manifest", f"{opening.MAX_FILES:,}"),
        ("rows of a manifest", f"{footers.MAX_ROWS:,}"),
        ("columns of a file, nested ones included", f"{footers.MAX_COLUMNS:,}"),
        ("footer of a file", f"{footers.MAX_FOOTER // MIB} MiB"),
        (
            "columns of a file that are read, unpacked",
            f"{footers.MAX_BYTES // GIB} GiB, and not more than {footers.MAX_RATIO:,} times the file's size "
            f"({footers.FREE_BYTES // MIB} MiB are always allowed)",
        ),
        (
            "largest pages of a row group, all columns that are read together",
            f"{row_groups.MAX_PAGES // GIB} GiB",
        ),
        ("text of one row while it is read", f"{row_groups.TEXT_AT_ONCE // MIB} MiB"),
        (
            "rows that are checked together: all rows of one day, or of all files with a column `date`",
            f"{manifest_rows.MAX_BYTES_OF_DAY // GIB} GiB",
        ),
    ],
)
def test_every_documented_limit_matches_the_code(limit: str, value: str) -> None:
    """Authors of manifests can rely on the table."""
    assert LIMITS[limit] == value


def test_it_lists_only_existing_limits() -> None:
    """Each row of the table is checked above."""
    assert len(LIMITS) == 8


def test_documented_lengths_match_the_code() -> None:
    """They are those of texts and of delivery ids."""
    text = " ".join(prose(MANIFESTS).split())
    assert set(MAX_TEXT.values()) == {1_024, 16_384}
    assert f"longer than {MAX_TEXT['image_id']:,} bytes (`uri`: {MAX_TEXT['uri']:,} bytes)" in text
    assert f"`delivery_id` of more than {MAX_DELIVERY_ID} characters" in text


def test_every_column_is_documented() -> None:
    """The table has its name and whether it may be null."""
    told = {name: row[2] for row in rows(MANIFESTS, "## Schema") for name in re.findall(r"`(\w+)`", row[0])}
    assert told == {field.name: "yes" if field.nullable else "no" for field in MANIFEST}
