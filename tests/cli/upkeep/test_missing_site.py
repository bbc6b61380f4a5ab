"""Commands that look after a site, with the name of a folder that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.cli import cli


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "holds",
        "verify --whole",
        "gc --dry-run",
        "explain shoe",
        "export",
        "catalog history",
        "publish 5d0c",
        "withdraw --product 1 --by Ada --because sold",
        "forget --product 1 --by Ada --because sold",
        "backfill --all",
        "render --all-stale",
    ],
)
def test_a_mistyped_site_is_not_an_empty_one(tmp_path: Path, command: str) -> None:
    """A nightly check of a disk that is not mounted must not find 0 faults, and nothing is made there."""
    done = CliRunner().invoke(cli, [*command.split(), "--out", str(tmp_path / "resutl")])
    assert done.exit_code == 2
    assert f"there is no folder {tmp_path}/resutl" in done.output.replace("\n", " ")
    assert [*tmp_path.iterdir()] == []
