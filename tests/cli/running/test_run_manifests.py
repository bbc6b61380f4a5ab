"""`cutouts run` of a manifest: days, parts and names, with balanced counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.intake import folder_manifest
from tests.command import Done, cutouts
from tests.photographs import product


def run(source: str, out: Path, *, folder: Path) -> Done:
    """Run `cutouts run` in `folder`, below which images may be."""
    return cutouts("run", source, "--out", out, where=folder, environment={"CUTOUTS_ALLOWED_SOURCES": str(folder)})


def images(out: Path) -> list[dict[str, Any]]:
    """The rows of images.parquet."""
    rows: list[dict[str, Any]] = pq.read_table(out / "images.parquet").to_pylist()
    return rows


@pytest.fixture
def studio(tmp_path: Path) -> pa.Table:
    """The manifest of two products of the delivery studio-a."""
    for name in ("a", "b"):
        product(tmp_path / "photos" / "studio-a" / f"{name}.jpg", seed=ord(name))
    return folder_manifest(tmp_path / "photos")[0]


def test_the_same_ids_on_two_days_are_two_deliveries(studio: pa.Table, tmp_path: Path) -> None:
    """Each day has its rows, links and verdict in the first run and in every later one."""
    for day in ("2026-01-05", "2026-01-06"):
        (tmp_path / "m" / f"date={day}").mkdir(parents=True)
        pq.write_table(studio, tmp_path / "m" / f"date={day}" / "part-0.parquet")
    out = tmp_path / "out"
    for _ in range(2):
        done = run("m", out, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        identities = sorted((str(row["date"]), row["delivery_id"], row["image_id"]) for row in images(out))
        assert identities == [
            (day, "studio-a", f"studio-a/{name}.jpg") for day in ("2026-01-05", "2026-01-06") for name in ("a", "b")
        ]
        links = sorted(path.relative_to(out / "cutouts").as_posix() for path in (out / "cutouts").rglob("*.png"))
        assert links == [
            f"{day}/studio-a/studio-a/{name}.png" for day in ("2026-01-05", "2026-01-06") for name in ("a", "b")
        ]
        report = (out / "report.html").read_text()
        assert "2026-01-05/studio-a" in report
        assert "2026-01-06/studio-a" in report
        assert json.loads((out / "summary.json").read_text())["images"] == 4


def test_a_refused_day_does_not_affect_another_day(studio: pa.Table, tmp_path: Path) -> None:
    """A delivery id is good on one day and refused on the other, and no row is counted twice."""
    doubled = pa.concat_tables([studio, studio.slice(0, 1)])
    for day, table in (("2026-01-05", doubled), ("2026-01-06", studio)):
        (tmp_path / "m" / f"date={day}").mkdir(parents=True)
        pq.write_table(table, tmp_path / "m" / f"date={day}" / "part-0.parquet")
    done = run("m", tmp_path / "out", folder=tmp_path)
    assert done.returncode == 1
    assert "2026-01-05/studio-a" in done.stderr
    outcomes = sorted((str(row["date"]), row["outcome"]) for row in images(tmp_path / "out"))
    assert outcomes == [("2026-01-05", "rejected")] * 3 + [("2026-01-06", "published")] * 2


def test_two_images_at_one_uri_are_two_images(studio: pa.Table, tmp_path: Path) -> None:
    """Each has its row, mask and link, whether or not the manifest states their content."""
    rows = studio.slice(0, 1).to_pylist()
    twins = [{**rows[0], "image_id": name, "product_id": name} for name in ("front", "detail")]
    for number, stated in enumerate((rows[0]["sha256"], None)):
        table = pa.Table.from_pylist([{**row, "sha256": stated} for row in twins], schema=studio.schema)
        pq.write_table(table, tmp_path / f"{number}.parquet")
        out = tmp_path / f"out-{number}"
        for outcome in ("published", "skipped"):
            done = run(f"{number}.parquet", out, folder=tmp_path)
            assert done.returncode == 0, done.stderr
            assert sorted((row["image_id"], row["outcome"]) for row in images(out)) == [
                ("detail", outcome),
                ("front", outcome),
            ]
            assert all((out / row["mask"]).is_file() and (out / row["cutout"]).is_file() for row in images(out))
            links = sorted(path.name for path in (out / "cutouts").rglob("*.png") if path.is_file())
            assert links == ["detail.png", "front.png"]
