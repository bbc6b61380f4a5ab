"""`cutouts run` as a person uses it: run, killed, damaged and run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cutouts.schemas.tables import IMAGES
from tests.command import Done, cutouts
from tests.photographs import blank, broken, product
from tests.waiting import until

CUTOUTS = str(Path(sys.executable).parent / "cutouts")
QUICK = {"CUTOUTS_SHARD_IMAGES": "4", "CUTOUTS_CLUSTER": "serial"}


def run(source: Path, out: Path, *options: str, allowed: Path | None = None) -> Done:
    """Run `cutouts run`; images of a manifest may be below `allowed`."""
    more = {"CUTOUTS_ALLOWED_SOURCES": str(allowed)} if allowed else {}
    return cutouts("run", source, "--out", out, *options, environment=QUICK | more)


def images(out: Path) -> dict[str, dict[str, object]]:
    """Rows of images.parquet by source."""
    return {row["source"]: row for row in pq.read_table(out / "images.parquet").to_pylist()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two deliveries: a good one with a broken file, and one of scenes without products."""
    folder = tmp_path_factory.mktemp("shop")
    for seed in range(5):
        product(folder / "studio-a" / f"{seed}.jpg", seed=seed)
        blank(folder / "studio-b" / f"{seed}.jpg", seed=seed)
    broken(folder / "studio-a" / "broken.jpg")
    return folder


def test_a_held_delivery_of_which_every_image_is_rejected_is_told(tmp_path: Path) -> None:
    """None of its images is held, but the delivery waits for a person. The terminal counts the reasons of images."""
    for number in range(5):
        broken(tmp_path / "in" / "studio" / f"{number}.jpg")
    done = run(tmp_path / "in", tmp_path / "out", "--fail-on-held")
    assert done.returncode == 3, done.stderr
    assert "studio: 5 images, 5 rejected; verdict: hold." in done.stdout
    assert "\n  5 images: the " in done.stdout
    assert "held deliveries wait for a person" in done.stderr


def test_a_run_leaves_everything_in_its_folder(shop: Path, tmp_path: Path) -> None:
    """It has counts, a row per image, links and a report; on request the exit status tells of a held delivery. The
    terminal says why it is held, and how to look at it."""
    out = tmp_path / "out"
    done = run(shop, out, "--fail-on-held")
    assert done.returncode == 3, done.stderr
    assert "studio-b: 5 images, 5 held; verdict: hold.\n  more than 30% of images like these may be bad" in done.stdout
    assert f"held deliveries wait for a person: see `cutouts holds --out {out}`" in done.stderr
    summary = json.loads((out / "summary.json").read_text())
    counts = {name: summary[name] for name in ("images", "published", "held", "rejected", "quarantined", "skipped")}
    assert counts == {"images": 11, "published": 5, "held": 5, "rejected": 1, "quarantined": 0, "skipped": 0}
    assert summary["model_batches"] == 10
    table = pq.read_table(out / "images.parquet")
    assert table.schema.names == IMAGES.names
    rows = images(out)
    assert rows["studio-a/broken.jpg"]["cutout"] is None
    assert (out / str(rows["studio-b/0.jpg"]["mask"])).is_file()
    assert rows["studio-b/0.jpg"]["cutout"] is None
    links = sorted(path.relative_to(out / "cutouts").as_posix() for path in (out / "cutouts").rglob("*.png"))
    assert links == [f"studio-a/{seed}.png" for seed in range(5)]
    assert (out / "cutouts" / "studio-a" / "0.png").resolve().is_file()
    assert "<html" in (out / "report.html").read_text()


def test_a_second_run_calls_no_model_and_lists_every_image(shop: Path, tmp_path: Path) -> None:
    """Published images become skipped and keep their files; the others keep outcome and reasons."""
    out = tmp_path / "out"
    assert run(shop, out).returncode == 0
    before = images(out)
    assert run(shop, out).returncode == 0
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["model_batches"], summary["skipped"], summary["held"], summary["rejected"]) == (0, 5, 5, 1)
    after = images(out)
    assert after.keys() == before.keys()
    for source, row in before.items():
        assert after[source]["mask"] == row["mask"]
        assert after[source]["cutout"] == row["cutout"]
        if row["outcome"] != "published":
            assert (after[source]["outcome"], after[source]["reasons"]) == (row["outcome"], row["reasons"])


def test_a_killed_run_continues_where_it_was(tmp_path: Path) -> None:
    """A second run redoes at most the shard in progress and publishes every image once."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for seed in range(24):
        product(folder / f"{seed:02}.jpg", seed=seed)
    process = subprocess.Popen(
        [CUTOUTS, "run", str(folder), "--out", str(out)],
        env=os.environ | QUICK,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: len(list(out.glob("tables/shards/*/*/receipt.json"))) >= 2, process=process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = len(list(out.glob("tables/shards/*/*/receipt.json")))
    assert 2 <= finished < 6
    assert run(folder, out).returncode == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["published"] == 24
    assert summary["model_batches"] == 24 - 4 * finished


def test_a_wrong_manifest_is_refused_with_every_problem(tmp_path: Path) -> None:
    """One error lists everything that is wrong with its structure."""
    import pyarrow as pa

    pq.write_table(pa.table({"image_id": [1.5], "uri": ["a.jpg"]}), tmp_path / "m.parquet")
    done = run(tmp_path / "m.parquet", tmp_path / "out")
    assert done.returncode == 1
    for column in ("image_id", "product_id", "delivery_id"):
        assert column in done.stderr


def test_bad_content_refuses_only_its_delivery(shop: Path, tmp_path: Path) -> None:
    """A delivery with duplicate ids is named with its rows, and the other one is published."""
    import pyarrow as pa

    from cutouts.intake import folder_manifest

    table, _ = folder_manifest(shop)
    doubled = pa.concat_tables([table, table.slice(table.num_rows - 1)])
    pq.write_table(doubled, tmp_path / "m.parquet")
    done = run(tmp_path / "m.parquet", tmp_path / "out", allowed=shop)
    assert done.returncode == 1
    assert "studio-b" in done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["images"], summary["published"], summary["rejected"]) == (12, 5, 7)
    rows = pq.read_table(tmp_path / "out" / "images.parquet").to_pylist()
    assert all("refused" in row["reasons"][0] for row in rows if row["delivery_id"] == "studio-b")
    report = (tmp_path / "out" / "report.html").read_text()
    assert "studio-b" in report


def test_a_lost_cutout_is_reported_and_repaired(tmp_path: Path) -> None:
    """A run with nothing to do checks its links; the command that it names makes the cutout again."""
    for seed in range(2):
        product(tmp_path / "photos" / f"{seed}.jpg", seed=seed)
    out = tmp_path / "out"
    assert run(tmp_path / "photos", out).returncode == 0
    for seed, size in ((0, 0), (1, 100)):
        lost = (out / "cutouts" / f"{seed}.png").resolve()
        whole = lost.read_bytes()
        lost.write_bytes(whole[:size]) if size else lost.unlink()
        told = run(tmp_path / "photos", out)
        assert told.returncode == 1
        assert str(lost.relative_to(out)) in told.stderr
        assert told.stderr.rstrip().endswith("or put it back from a backup")
        repaired = cutouts(
            "verify",
            "--out",
            out,
            "--repair",
            environment=QUICK | {"CUTOUTS_ALLOWED_SOURCES": str(tmp_path / "photos")},
        )
        assert repaired.returncode == 0, repaired.stderr
        assert lost.read_bytes() == whole
        assert run(tmp_path / "photos", out).returncode == 0
