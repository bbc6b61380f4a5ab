"""Random manifests of every kind from fixed seeds: the counts balance, or the manifest is refused with a message."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cutouts.cli import cli
from cutouts.core.errors import ManifestError
from tests.photographs import product

DAYS = (date(2026, 1, 5), date(2026, 1, 6))
SEEDS = range(12)
Write = Callable[[list[Any]], pa.Array]


def dictionary(values: list[Any]) -> pa.Array:
    """Text as a dictionary array."""
    return pa.array(values, pa.string()).dictionary_encode()


def of(kind: pa.DataType) -> Write:
    """Writes values of that type."""
    return lambda values: pa.array(values, kind)


def decimals(values: list[Any]) -> pa.Array:
    """Numbers as a database exports them."""
    return pa.array([None if value is None else Decimal(value) for value in values], pa.decimal128(38, 0))


def midnights(values: list[Any]) -> pa.Array:
    """Days as pandas writes them."""
    return pa.array([value and datetime(value.year, value.month, value.day) for value in values], pa.timestamp("ns"))


def iso(values: list[Any]) -> pa.Array:
    """Days as text."""
    return pa.array([value and value.isoformat() for value in values], pa.string())


def raw(values: list[Any]) -> pa.Array:
    """Text with unchecked bytes: each é is one byte, which is not UTF-8."""
    content = pa.array([None if value is None else value.encode("latin-1", "replace") for value in values], pa.binary())
    return pa.StringArray.from_buffers(len(content), content.buffers()[1], content.buffers()[2], content.buffers()[0])


TEXTS: tuple[Write, ...] = (of(pa.string()), of(pa.large_string()), of(pa.string_view()), dictionary)
NUMBERS: tuple[Write, ...] = (of(pa.int64()), of(pa.uint32()), decimals)
DATES: tuple[Write, ...] = (of(pa.date32()), of(pa.date64()), midnights, iso)
WRONG: tuple[Write, ...] = (of(pa.int8()), lambda values: pa.array([[1]] * len(values)), of(pa.null()))
ODD_IDS = ("", "  ", None, "a\0b", "\x1b[2J", "x" * 2_000, "café", "..", "a/../b", "中" * 90, "a::b", "50%", "é", "é")
ODD_URIS = (None, "", "gone.jpg", "a:b.jpg", "http:x", "data:x.jpg", "x::y.jpg", "../../etc/passwd", "/etc/passwd", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Decides by a seed what a manifest looks like; `odd` is the probability of an unexpected value."""

    dice: random.Random
    odd: float

    def maybe(self, usual: Any, *others: Any) -> Any:
        """The usual value, or rarely one of the others."""
        return self.dice.choice(others) if self.dice.random() < self.odd else usual

    def rows(self, number: int) -> list[dict[str, Any]]:
        """Some rows, sound and unsound."""
        return [
            {
                "image_id": self.maybe(f"{number}-{row}", *ODD_IDS, "twice"),
                "product_id": self.maybe("shoe", *ODD_IDS),
                "delivery_id": self.maybe(self.dice.choice(["studio-a", "studio-b"]), *ODD_IDS, "x" * 240),
                "uri": self.maybe(self.dice.choice(["a.jpg", "./b.jpg"]), *ODD_URIS),
                "bytes": self.maybe(None, 7, 0),
                "sha256": self.maybe(None, "", "f" * 64, "A" * 64),
                "date": self.maybe(self.dice.choice(DAYS), None),
            }
            for row in range(self.dice.randrange(5))
        ]

    def table(self, number: int, *, dated: bool) -> pa.Table:
        """One file: columns of various types, some missing, in any order."""
        rows = self.rows(number)
        columns: dict[str, pa.Array] = {}
        for name in self.dice.sample(["image_id", "product_id", "delivery_id", "uri", "bytes", "sha256"], 6):
            write = self.dice.choice(NUMBERS if name == "bytes" else TEXTS)
            values = [row[name] for row in rows]
            if name in ("bytes", "sha256") and self.dice.random() < 0.3:
                write = of(pa.null())
                values = [None] * len(rows)
            columns[name] = self.maybe(write, raw if name != "bytes" else write)(values)
        if dated:
            columns["date"] = self.dice.choice(DATES)([row["date"] for row in rows])
        if self.dice.random() < self.odd / 4:
            name = self.dice.choice(list(columns))
            columns[self.dice.choice([name.upper(), name])] = self.dice.choice(WRONG)([None] * len(rows))
        columns["extra"] = pa.array([{"uri": [1]}] * len(rows), pa.struct([("uri", pa.list_(pa.int8()))]))
        return pa.table(columns)

    def manifest(self, folder: Path) -> tuple[Path, int]:
        """Files in folders, by day or not; gives the path for the command line and the number of rows."""
        by_folder = self.dice.random() < 0.5
        rows = 0
        for number in range(self.dice.randrange(1, 4)):
            day = self.dice.choice(DAYS).isoformat()
            usual = f"date={day}" if by_folder else ""
            odd = ("date=2026-1-5", "date=__HIVE_DEFAULT_PARTITION__", "", *(["_temporary"] if number else []))
            place = folder / self.maybe(usual, *odd)
            table = self.table(number, dated=self.maybe(not by_folder, by_folder, True))
            place.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, place / f"part {number}.parquet")
            rows += table.num_rows if place.name != "_temporary" else 0
        return folder, rows


@pytest.mark.parametrize("seed", SEEDS)
def test_the_counts_balance_whatever_a_manifest_holds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row has one outcome in every file of a run, or nothing was started and the message says why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUTOUTS_CLUSTER", "serial")
    for name in ("a", "b"):
        product(tmp_path / "m" / f"{name}.jpg", seed=ord(name))
    source, rows = Chance(dice=random.Random(seed), odd=(0.0, 0.02, 0.1)[seed % 3]).manifest(tmp_path / "m")
    done = CliRunner().invoke(cli, ["run", str(source), "--out", "out"])
    if isinstance(done.exception, ManifestError):
        assert done.exception.problems
        assert not (tmp_path / "out" / "report.html").exists()
        return
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    images = pq.read_table(tmp_path / "out" / "images.parquet").to_pylist()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    outcomes = Counter(row["outcome"] for row in images)
    assert len(images) == summary["images"] == rows
    assert outcomes == {name: summary[name] for name in outcomes}
    assert done.exit_code == (1 if any("refused" in reason for row in images for reason in row["reasons"]) else 0)
    links = [path for path in (tmp_path / "out" / "cutouts").rglob("*") if path.is_symlink()]
    assert len(links) == summary["published"] + summary["skipped"]
    assert all(path.is_file() for path in links)
    assert "<html" in (tmp_path / "out" / "report.html").read_text()


def test_the_seeds_make_manifests_of_every_kind(tmp_path: Path) -> None:
    """Some are refused as a whole, some in part and some not at all; otherwise the test above would show little."""
    from cutouts.intake import inspect

    kinds: Counter[str] = Counter()
    for seed in SEEDS:
        source, _ = Chance(dice=random.Random(seed), odd=(0.0, 0.02, 0.1)[seed % 3]).manifest(tmp_path / str(seed))
        try:
            intake = inspect(str(source))
            kinds[f"{bool(intake.accepted)}, {bool(intake.refused)}"] += 1
        except ManifestError:
            kinds["refused"] += 1
    assert min(kinds["refused"], kinds["True, True"], kinds["True, False"]) >= 2, kinds
