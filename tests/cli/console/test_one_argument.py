"""Commands that work on one file or folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cutouts.cli import cli
from cutouts.cli.console.exit_status import Status


@pytest.mark.parametrize(
    ("command", "sources", "told"),
    [
        ("cut", ("a.jpg", "b.jpg"), "one IMAGE|FOLDER at a time, not 2: name the folder that contains them"),
        ("manifest", ("one", "two", "one"), "one FOLDER at a time, not 3: name the folder that contains them"),
        ("run", ("one", "two"), "one SOURCE at a time, not 2: name the folder that contains them"),
        ("run", ("",), "SOURCE is empty"),
    ],
)
def test_it_is_told_what_to_do_instead(
    command: str, sources: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell makes several of `*.jpg`, and nothing of a variable that is not set."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg"):
        Path(name).touch()
    for name in ("one", "two"):
        Path(name).mkdir()
    result = CliRunner().invoke(cli, [command, *sources, "--out", "out.parquet"])
    assert result.exit_code == Status.USAGE
    assert told in result.stderr
    assert not Path("out.parquet").exists()
