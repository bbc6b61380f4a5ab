"""A stranger's manifest or folder through the real commands: private files stay private."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import cutouts
from tests.file_server import FileServer, serving
from tests.photographs import product
from tests.raw_server import answering


def outcomes(out: Path) -> dict[str, tuple[str, str]]:
    """What became of each image, and the reason, by id."""
    rows = pq.read_table(out / "images.parquet").to_pylist()
    return {row["image_id"]: (row["outcome"], "; ".join(row["reasons"])) for row in rows}


def manifest(file: Path, uris: Mapping[str, str], sha256: str | None = None) -> Path:
    """A stranger's manifest: one row per URI, all with the same stated content."""
    rows = [
        {"image_id": name, "product_id": name, "delivery_id": "d", "uri": uri, "sha256": sha256}
        for name, uri in uris.items()
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A private photograph."""
    return product(tmp_path / "private" / "secret.jpg", seed=7)


def test_a_foreign_manifest_reads_only_files_beside_it(tmp_path: Path, private: Path) -> None:
    """Each other row is rejected with what would allow it, and its content is nowhere in the result."""
    inbox = tmp_path / "inbox"
    product(inbox / "photos" / "a b%20#1.jpg", seed=1)
    (inbox / "link.jpg").symlink_to(private)
    os.mkfifo(inbox / "pipe.jpg")
    with answering(private.read_bytes()) as inside, answering(b"HTTP/1.1 200 OK\r\n\r\n") as stranger:
        rows = {
            "fine": str(inbox / "photos" / "a b%20#1.jpg"),
            "fine_uri": (inbox / "photos" / "a b%20#1.jpg").as_uri(),
            "absolute": str(private),
            "file": private.as_uri(),
            "climbing": f"{inbox}/../private/secret.jpg",
            "encoded": f"file://{inbox}/%2e%2e/private/secret.jpg",
            "link": str(inbox / "link.jpg"),
            "reference": f"reference://k::{stranger.url}/refs.json",
            "zip": f"zip://a.jpg::file://{private}",
            "cache": f"simplecache::file://{private}",
            "archive": f"zip::{private}",
            "http": f"{inside.url}/a.jpg",
            "https": f"https://127.0.0.1:{inside.port}/a.jpg",
            "number": f"https://2130706433:{inside.port}/a.jpg",
            "metadata": "https://169.254.169.254/latest/meta-data/",
            "bucket": "s3://private/a.jpg",
            "device": "/dev/zero",
        }
        source = manifest(inbox / "today.parquet", {**rows, "pipe": str(inbox / "pipe.jpg")})
        done = cutouts("run", source, "--out", tmp_path / "out", where=tmp_path)
        assert (inside.asked, stranger.asked) == ([], [])
    assert done.returncode == 0, done.stderr
    found = outcomes(tmp_path / "out")
    assert {name for name, (outcome, _) in found.items() if outcome == "held"} == {"fine", "fine_uri"}
    assert found.pop("pipe")[1].endswith("it is a named pipe")
    for name in rows.keys() - {"fine", "fine_uri"}:
        assert found[name][0] == "rejected"
        assert "the site does not allow this source" in found[name][1]
    assert "a chain of addresses (`simplecache::…`)" in found["cache"][1]
    assert "a chain of addresses (`zip::…`)" in found["archive"][1]
    assert f'add "{private.parent}" to allowed_sources' in found["link"][1]
    assert len(list((tmp_path / "out" / "objects").rglob("*.png"))) == 2


def test_an_image_is_taken_once_its_source_is_allowed(tmp_path: Path) -> None:
    """A rejection for its source is not remembered, even if the manifest states the content."""
    photo = product(tmp_path / "photos" / "a.jpg", seed=1)
    with serving(FileServer(body=photo.read_bytes())) as server:
        source = manifest(
            tmp_path / "in" / "m.parquet",
            {"file": str(photo), "web": f"{server.url}/a.jpg"},
            sha256=hashlib.sha256(photo.read_bytes()).hexdigest(),
        )
        assert cutouts("run", source, "--out", "out", where=tmp_path).returncode == 0
        assert {outcome for outcome, _ in outcomes(tmp_path / "out").values()} == {"rejected"}
        allowed = f"{photo.parent},{server.url}"
        assert (
            cutouts(
                "run", source, "--out", "out", environment={"CUTOUTS_ALLOWED_SOURCES": allowed}, where=tmp_path
            ).returncode
            == 0
        )
    assert {outcome for outcome, _ in outcomes(tmp_path / "out").values()} == {"published"}


def test_a_link_in_a_folder_does_not_lead_out_of_it(tmp_path: Path, private: Path) -> None:
    """This holds for `run` and `cut`; a link within the folder is followed."""
    folder = tmp_path / "photos"
    product(folder / "a.jpg", seed=1)
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to(private)
    assert cutouts("run", folder, "--out", "out", where=tmp_path).returncode == 0
    found = outcomes(tmp_path / "out")
    assert [found[f"{name}.jpg"][0] for name in ("a", "inside", "outside")] == ["published", "published", "rejected"]
    assert "leads to" in found["outside.jpg"][1]
    done = cutouts("cut", folder, "-o", "pngs", where=tmp_path)
    assert done.returncode == 1
    assert "outside.jpg" in done.stderr
    assert sorted(path.name for path in (tmp_path / "pngs").iterdir()) == ["a.png", "inside.png"]


def test_a_named_image_may_be_a_link(tmp_path: Path, private: Path) -> None:
    """The user means what it leads to."""
    (tmp_path / "link.jpg").symlink_to(private)
    assert cutouts("cut", "link.jpg", "-o", "link.png", where=tmp_path).returncode == 0


def test_a_manifest_of_a_folder_elsewhere_says_what_to_allow(tmp_path: Path) -> None:
    """The printed line, as a setting or as a variable, is what the steps need."""
    product(tmp_path / "photos" / "a.jpg", seed=1)
    made = cutouts("manifest", "photos", "-o", "site/manifests/today.parquet", where=tmp_path)
    line = next(line for line in made.stderr.splitlines() if line.startswith("allowed_sources"))
    variable = re.search(r"CUTOUTS_ALLOWED_SOURCES=(\S+)", made.stderr)
    assert tomllib.loads(line)["allowed_sources"] == ["https://", str(tmp_path / "photos")]
    assert variable
    assert variable[1] == f"https://,{tmp_path / 'photos'}"
    assert _cut_by_steps(tmp_path, "refused") == (0, 1)
    (tmp_path / "settings.toml").write_text(line)
    assert _cut_by_steps(tmp_path, "allowed", "--config", "settings.toml") == (1, 0)
    again = cutouts(
        "manifest", "photos", "-o", "site/manifests/today.parquet", "--config", "settings.toml", where=tmp_path
    )
    assert "allowed_sources" not in again.stderr


def _cut_by_steps(where: Path, root: str, *options: str) -> tuple[int, int]:
    """How many images `plan` and `segment` cut and reject."""
    from cutouts.intake import inspect

    (key,) = inspect(str(where / "site/manifests/today.parquet")).accepted
    planned = cutouts("plan", "site/manifests/today.parquet", "--delivery", key, "--out", root, *options, where=where)
    done = cutouts("segment", *planned.stdout.split(), "--out", root, *options, where=where)
    counts = re.search(r"(\d+) cut, \d+ reused, (\d+) rejected", done.stdout)
    assert counts, done.stderr
    return int(counts[1]), int(counts[2])


def test_a_manifest_beside_its_folder_needs_no_setting(tmp_path: Path) -> None:
    """Its own folder may be read from any working folder, and nothing is printed."""
    product(tmp_path / "in" / "photos" / "a.jpg", seed=1)
    made = cutouts("manifest", "in/photos", "-o", "in/today.parquet", where=tmp_path)
    assert "allowed_sources" not in made.stderr
    (tmp_path / "elsewhere").mkdir()
    done = cutouts("run", tmp_path / "in" / "today.parquet", "--out", tmp_path / "out", where=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert outcomes(tmp_path / "out")["a.jpg"][0] == "published"


def test_the_days_of_a_dataset_share_its_folder(tmp_path: Path) -> None:
    """This holds if the dataset, one day or one part is named; files beside the dataset are outside."""
    dataset = tmp_path / "dataset"
    inside = product(dataset / "photos" / "a.jpg", seed=1)
    outside = product(tmp_path / "beside" / "b.jpg", seed=2)
    part = manifest(dataset / "date=2026-01-02" / "part-0.parquet", {"a": str(inside), "b": str(outside)})
    for number, source in enumerate((dataset, part.parent, part)):
        assert cutouts("run", source, "--out", f"out-{number}", where=tmp_path).returncode == 0
        found = outcomes(tmp_path / f"out-{number}")
        assert (found["a"][0], found["b"][0]) == ("published", "rejected")


def test_a_wrong_source_in_the_settings_is_one_message(tmp_path: Path) -> None:
    """It has the value and what was expected."""
    product(tmp_path / "a.jpg", seed=1)
    done = cutouts("cut", "a.jpg", "-o", "a.png", environment={"CUTOUTS_ALLOWED_SOURCES": "photos"}, where=tmp_path)
    assert done.returncode != 0
    assert "allowed_sources" in done.stderr
    assert "expected an absolute path" in done.stderr


def test_special_files_stop_no_command(tmp_path: Path) -> None:
    """A pipe and a device with image names are one rejection each in `cut`, `manifest` and `run`."""
    folder = tmp_path / "photos"
    product(folder / "a.jpg", seed=1)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "environ.png").symlink_to("/proc/self/environ")
    assert "3 rejected" in cutouts("cut", folder, "-o", "pngs", where=tmp_path).stderr
    assert cutouts("manifest", folder, "-o", "m.parquet", where=tmp_path).returncode == 0
    digests = {row["image_id"]: row["sha256"] for row in pq.read_table(tmp_path / "m.parquet").to_pylist()}
    assert [name for name, digest in digests.items() if digest] == ["a.jpg"]
    assert cutouts("run", folder, "--out", "out", where=tmp_path).returncode == 0
    assert [name for name, (outcome, _) in outcomes(tmp_path / "out").items() if outcome == "published"] == ["a.jpg"]
