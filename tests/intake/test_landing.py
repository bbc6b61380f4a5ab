"""Manifests that land, and the deliveries that are taken from them."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ManifestError
from cutouts.core.records import DeliveryKey
from cutouts.intake import deliveries_on, folder_manifest, inspect, landed, refused, rows_of, source_of, take
from cutouts.schemas.tables import MANIFEST
from tests.photographs import broken, product

DAY = date(2026, 3, 1)


def manifest(path: Path, **ids: list[str | None]) -> str:
    """A manifest with these image ids by delivery."""
    rows = [
        {"image_id": one, "product_id": "p", "delivery_id": delivery, "uri": f"/{one}.jpg"}
        for delivery, ones in ids.items()
        for one in ones
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    loose = pa.schema([field.with_nullable(True) for field in MANIFEST])
    pq.write_table(pa.Table.from_pylist(rows, schema=loose), path)
    return str(path)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site to which manifests are delivered."""
    return Site(root=str(tmp_path / "site"))


def test_a_dataset_has_landed_once_its_success_file_exists(site: Site) -> None:
    """Before that it is still being written; a single file either exists or not."""
    root = Path(site.manifests_url)
    manifest(root / "date=2026-03-01" / "part.parquet", shoes=["a"])
    assert landed(site) == ()
    (root / "date=2026-03-01" / "_SUCCESS").touch()
    single = manifest(root / "extra.parquet", bags=["b"])
    assert landed(site) == (str(root / "date=2026-03-01"), single)


def test_a_taken_manifest_is_not_taken_again_until_it_changes(site: Site) -> None:
    """Nothing is moved, and the record describes the manifest as it was."""
    path = Path(site.manifests_url) / "m.parquet"
    url = manifest(path, shoes=["a"])
    first = take(site, url)
    assert landed(site) == ()
    assert take(site, url) == first
    manifest(path, shoes=["a", "b"])
    assert landed(site) == (url,)


def test_a_wrong_manifest_is_refused_once_until_it_changes(site: Site) -> None:
    """Its problems are recorded, and it is not reported again until the file changes."""
    path = Path(site.manifests_url) / "m.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no table")
    (url,) = landed(site)
    with pytest.raises(ManifestError) as failed:
        take(site, url)
    assert landed(site) == ()
    (refusal,) = refused(site)
    assert (refusal.manifest, refusal.problems[1:]) == (url, failed.value.problems)
    with pytest.raises(ManifestError):
        take(site, url)  # on demand it is read again
    manifest(path, shoes=["a"])
    assert (landed(site), refused(site)) == ((url,), ())
    take(site, url)
    assert (landed(site), refused(site)) == ((), ())


def test_the_problems_of_a_refused_manifest_hold_no_secret(site: Site) -> None:
    """Its full address is kept to read it again, but messages do not show it."""
    path = Path(site.manifests_url) / "m?token=s3cr3tT0k3nOfTheShop" / "date=2026-03-01"
    path.mkdir(parents=True)
    (path / "part.parquet").write_bytes(b"no table")
    (path / "_SUCCESS").touch()
    (url,) = landed(site)
    with pytest.raises(ManifestError):
        take(site, url)
    (refusal,) = refused(site)
    assert "s3cr3tT0k3nOfTheShop" in refusal.manifest
    assert "s3cr3tT0k3nOfTheShop" not in "".join(refusal.problems)


def test_hidden_and_other_files_have_not_landed(site: Site) -> None:
    """A file is renamed into place, and a success file of another name does not count."""
    root = Path(site.manifests_url)
    for name in (".new.parquet", "_new.parquet", "notes.txt"):
        manifest(root / name, shoes=["a"])
    manifest(root / "date=2026-03-01" / "part.parquet", shoes=["a"])
    (root / "date=2026-03-01" / "NO_SUCCESS").touch()
    assert landed(site) == ()


def test_a_delivery_knows_where_it_came_from(site: Site) -> None:
    """A run gets only its key, and its id may have any characters."""
    folder = Path(site.manifests_url) / "date=2026-03-01"
    odd: dict[str, list[str | None]] = {"Größe 42/ä": ["a"]}
    manifest(folder / "part.parquet", **odd)
    key = DeliveryKey(date=DAY, delivery_id="Größe 42/ä")
    assert take(site, str(folder)).accepted == (key,)
    assert source_of(site, key) == str(folder)
    assert deliveries_on(site, DAY) == (key,)
    assert deliveries_on(site, date(2026, 3, 2)) == ()
    with pytest.raises(ManifestError, match="not known"):
        source_of(site, DeliveryKey(date=DAY, delivery_id="never"))


def test_bad_content_refuses_only_its_delivery(tmp_path: Path) -> None:
    """Duplicate and null ids are reported with their rows, and the other delivery continues."""
    url = manifest(tmp_path / "m.parquet", good=["a", "b"], doubled=["c", "c"], nameless=[None])
    intake = inspect(url)
    assert [key.delivery_id for key in intake.accepted] == ["good"]
    assert {problem.delivery_id for problem in intake.refused} == {"doubled", "nameless"}
    assert rows_of(url, {(problem.day, "doubled") for problem in intake.refused}).num_rows == 2


def test_rows_without_a_day_or_delivery_are_refused_and_counted(tmp_path: Path) -> None:
    """They are not lost, and the other rows continue."""
    names = ["good", "good", " ", None, "good"]
    rows = {"image_id": list("abcde"), "product_id": ["p"] * 5, "uri": ["/x"] * 5, "delivery_id": names}
    days = pa.array([DAY, None, DAY, DAY, None], pa.date32())
    pq.write_table(pa.table({**rows, "date": days}), tmp_path / "m.parquet")
    intake = inspect(str(tmp_path / "m.parquet"))
    assert (intake.accepted, intake.rows) == ((DeliveryKey(date=DAY, delivery_id="good"),), 5)
    assert [(one.day, one.delivery_id, one.problem, one.rows) for one in intake.refused] == [
        (DAY, None, "delivery_id is missing", (3, 4)),
        (None, "good", "date is missing", (2, 5)),
    ]
    refused = rows_of(str(tmp_path / "m.parquet"), {(one.day, one.delivery_id) for one in intake.refused})
    assert sorted(refused.column("image_id").to_pylist()) == ["b", "c", "d", "e"]


def test_the_rows_of_a_problem_are_named_by_file(tmp_path: Path) -> None:
    """The author of the manifest can find them."""
    manifest(tmp_path / "m" / "date=2026-03-01" / "part-0.parquet", shoes=["a", "b"])
    manifest(tmp_path / "m" / "date=2026-03-01" / "part-1.parquet", shoes=["c", "b"])
    (problem,) = inspect(str(tmp_path / "m")).refused
    assert problem.words == (
        "duplicate image_id in the delivery: 2 rows: date=2026-03-01/part-0.parquet row 2 (b), "
        "date=2026-03-01/part-1.parquet row 2 (b)"
    )


@pytest.mark.parametrize("name", ["caf\udce9.jpg", "a\nb.jpg", "\x1b[31m.jpg", " .jpg", "中" * 80 + ".jpg"])
def test_every_file_name_gives_one_image(tmp_path: Path, name: str) -> None:
    """Its id can be stored and shown, its URI leads to it, and the other files are listed too."""
    folder = tmp_path / ("x" * 250)
    product(folder / "good.jpg")
    try:
        (folder / "good.jpg").with_name(name).write_bytes((folder / "good.jpg").read_bytes())
    except OSError:
        pytest.skip("this file system does not take the name")
    table, _ = folder_manifest(tmp_path)
    pq.write_table(table, tmp_path / "m.parquet")
    intake = inspect(str(tmp_path / "m.parquet"))
    assert (len(intake.accepted), intake.refused, intake.rows) == (1, (), 2)
    for row in table.to_pylist():
        quoted = row["uri"].removeprefix("file://")
        assert Path(row["uri"] if quoted == row["uri"] else os.fsdecode(unquote_to_bytes(quoted))).is_file()


def test_a_manifest_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    """An empty table never passes."""
    pq.write_table(MANIFEST.empty_table(), tmp_path / "empty.parquet")
    with pytest.raises(ManifestError, match="no rows"):
        inspect(str(tmp_path / "empty.parquet"))


def test_a_folder_becomes_a_manifest(tmp_path: Path) -> None:
    """Ids are paths, deliveries are the first folder level, and undecodable files are listed too."""
    product(tmp_path / "shop" / "shoes" / "red" / "a.jpg", size=64)
    product(tmp_path / "shop" / "b.JPG")
    broken(tmp_path / "shop" / "shoes" / "c.jpg")
    (tmp_path / "shop" / ".hidden").mkdir()
    product(tmp_path / "shop" / ".hidden" / "d.jpg")
    table, _ = folder_manifest(tmp_path / "shop")
    assert table.schema == MANIFEST
    rows = {row["image_id"]: row for row in table.to_pylist()}
    assert sorted(rows) == ["b.JPG", "shoes/c.jpg", "shoes/red/a.jpg"]
    red = rows["shoes/red/a.jpg"]
    assert (red["product_id"], red["delivery_id"], red["width_px"]) == ("shoes/red/a", "shoes", 64)
    assert rows["b.JPG"]["delivery_id"] == "shop"
    assert len(red["sha256"]) == 64
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="no images"):
        folder_manifest(tmp_path / "empty")
