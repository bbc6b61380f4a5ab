"""`cutouts catalog`: history, as-of, diff, rollback and export as a person and a script use them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.adapters.catalog import VIEW, Catalog
from cutouts.cli import cli
from cutouts.core.errors import CutoutsError, OutputError
from cutouts.core.publications import Draft
from tests.adapters.catalog.made import MONDAY, NOON, TUESDAY, entry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site with two publications: a and b, then b again and c."""
    with Catalog.open(f"sqlite:///{tmp_path}/site/catalog.sqlite") as catalog:
        first, second = [entry("a"), entry("b")], [entry(name, TUESDAY, content="second") for name in "bc"]
        catalog.publish(first, Draft(gate_id="1", plan_id="p", delivery=MONDAY, at=NOON))
        catalog.publish(second, Draft(gate_id="2", plan_id="p", delivery=TUESDAY, at=NOON))
    return tmp_path / "site"


def _catalog(root: Path, *arguments: object) -> Result:
    done = CliRunner().invoke(cli, ["catalog", *map(str, arguments), "--out", str(root)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def _rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_bad_publication_is_found_and_rolled_back(root: Path) -> None:
    """It is found in the history and rolled back, and afterwards the difference is empty."""
    assert [line.split()[0] for line in _catalog(root, "history").stdout.splitlines()] == ["id", "2", "1"]
    assert "2026-11-17/acme" in _catalog(root, "history").stdout
    order = ("--by", "Ada", "--because", "wrong network")
    told = _catalog(root, "rollback", 2, *order).stdout
    assert told == "Delivery acme: 1 brought back, 1 withdrawn (publication 3).\n"
    newest = _catalog(root, "history", "--limit", 1).stdout.splitlines()[1]
    assert newest.endswith("rollback to 1  1          1          Ada  wrong network")
    assert _catalog(root, "diff", 1).stderr.strip() == "0 added, 0 replaced, 0 withdrawn"
    assert "nothing to change" in _catalog(root, "rollback", "--to", 1, *order).stdout


def test_a_lost_database_is_rebuilt_from_the_journal(root: Path) -> None:
    """A rollback wrote what was due before it too; the listing of the history is the same as before."""
    _catalog(root, "rollback", 2, "--by", "Ada", "--because", "wrong network")
    before = [_catalog(root, *what).stdout for what in (("history", "--json"), ("as-of", 3), ("as-of", 2))]
    for file in root.glob("*catalog.sqlite*"):
        file.unlink()
    told = _catalog(root, "rebuild").stdout
    assert told == "rebuilt: 3 publications, 2 live images, 0 holds; the newest publication is 3\n"
    assert [_catalog(root, *what).stdout for what in (("history", "--json"), ("as-of", 3), ("as-of", 2))] == before


def test_scripts_get_json_lines(root: Path) -> None:
    """History, difference and state are one object per line."""
    assert [row["publication_id"] for row in _rows(_catalog(root, "history", "--json").stdout)] == [2, 1]
    changes = _rows(_catalog(root, "diff", 1, 2, "--json").stdout)
    assert [(row["image_id"], row["what"]) for row in changes] == [("b.jpg", "replaced"), ("c.jpg", "added")]
    state = _rows(_catalog(root, "as-of", 1, "--json").stdout)
    assert [(row["image_id"], row["sha256"]) for row in state] == [("a.jpg", "first-a"), ("b.jpg", "first-b")]
    assert list(state[0]) == VIEW.names
    assert _catalog(root, "as-of", "2026-11-17T11:59").stdout.splitlines()[1:] == []


def test_the_live_view_is_exported_in_three_formats(root: Path, tmp_path: Path) -> None:
    """Parquet, CSV and JSON lines have the same rows, and an earlier state is exported likewise."""
    for suffix in ("parquet", "csv", "jsonl"):
        assert "3 images" in _catalog(root, "export", "-o", tmp_path / f"live.{suffix}").stderr
    table = pq.read_table(tmp_path / "live.parquet")
    assert table.schema.equals(VIEW)
    rows = [{name: str(value) for name, value in row.items()} for row in table.to_pylist()]
    with (tmp_path / "live.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["sha256"] for row in read] == [row["sha256"] for row in rows] == ["first-a", "second-b", "second-c"]
    assert [row["cutout"] for row in _rows((tmp_path / "live.jsonl").read_text())] == [row["cutout"] for row in rows]
    assert len(_catalog(root, "export", "--as-of", 1).stdout.splitlines()) == 3
    _catalog(root, "export", "-o", tmp_path / "live.parquet", "--as-of", 1)
    assert pq.read_table(tmp_path / "live.parquet").num_rows == 2


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_an_export_replaces_an_earlier_one(root: Path, tmp_path: Path, suffix: str) -> None:
    """It is replaced by what is live now, but not if somebody changed it since."""
    file = tmp_path / "out" / f"live.{suffix}"
    _catalog(root, "export", "-o", file, "--as-of", 1)
    before = file.read_bytes()
    assert "3 images" in _catalog(root, "export", "-o", file).stderr
    now = file.read_bytes()
    assert now != before
    file.write_bytes(now[:-1])
    with pytest.raises(OutputError, match=rf"live\.{suffix} exists and was not made by cutouts"):
        _catalog(root, "export", "-o", file)
    assert file.read_bytes() == now[:-1]


@pytest.mark.parametrize("what", [("history",), ("history", "--json")])
def test_the_history_of_an_unknown_delivery_is_an_error(root: Path, what: tuple[str, ...]) -> None:
    """A misspelt id is not an empty history; the message says what was asked for."""
    with pytest.raises(CutoutsError, match="nothing was published under the delivery id acne"):
        _catalog(root, *what, "--delivery", "acne")


def test_an_export_replaces_no_foreign_file(root: Path, tmp_path: Path) -> None:
    """An existing file is refused, and so is a name without a known format."""
    (tmp_path / "mine.csv").write_text("mine")
    for name in ("mine.csv", "live.xlsx"):
        with pytest.raises(OutputError, match=name):
            _catalog(root, "export", "-o", tmp_path / name)
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_orders_need_a_name_and_a_reason(root: Path) -> None:
    """Without them, or without a selection, nothing happens."""
    for arguments in (["2", "--by", "Ada"], ["--by", "Ada", "--because", "why"], ["2", "--to", "1", "--by", "A"]):
        assert CliRunner().invoke(cli, ["catalog", "rollback", *arguments, "--out", str(root)]).exit_code == 2
    with pytest.raises(CutoutsError, match="there is no publication 9"):
        _catalog(root, "diff", 1, 9)
    assert "neither a publication's number nor a time" in CliRunner().invoke(cli, ["catalog", "as-of", "noon"]).output
