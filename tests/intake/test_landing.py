"""Manifests that land, and what is taken from them."""

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


def test_a_dataset_has_landed_with_its_success_file(site: Site) -> None:
    """Before that it is still being written; a single file is there or not."""
    root = Path(site.manifests_url)
    manifest(root / "date=2026-03-01" / "part.parquet", shoes=["a"])
    assert landed(site) == ()
    (root / "date=2026-03-01" / "_SUCCESS").touch()
    single = manifest(root / "extra.parquet", bags=["b"])
    assert landed(site) == (str(root / "date=2026-03-01"), single)


def test_what_was_taken_is_not_taken_twice_until_it_changes(site: Site) -> None:
    """Nothing is moved; the record is of the manifest as it stood."""
    path = Path(site.manifests_url) / "m.parquet"
    url = manifest(path, shoes=["a"])
    first = take(site, url)
    assert landed(site) == ()
    assert take(site, url) == first
    manifest(path, shoes=["a", "b"])
    assert landed(site) == (url,)


def test_a_wrong_manifest_is_refused_once_until_it_changes(site: Site) -> None:
    """Its problems are on record; nobody is told of it again, until another file is there."""
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
        take(site, url)  # on demand it is looked at again
    manifest(path, shoes=["a"])
    assert (landed(site), refused(site)) == ((url,), ())
    take(site, url)
    assert (landed(site), refused(site)) == ((), ())


def test_the_problems_of_a_refused_manifest_hold_no_secret(site: Site) -> None:
    """Its address is kept whole, to look at it again; what is said of it is not."""
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


def test_what_is_hidden_or_has_another_name_has_not_landed(site: Site) -> None:
    """A file is renamed into place; a mark of another name is none."""
    root = Path(site.manifests_url)
    for name in (".new.parquet", "_new.parquet", "notes.txt"):
        manifest(root / name, shoes=["a"])
    manifest(root / "date=2026-03-01" / "part.parquet", shoes=["a"])
    (root / "date=2026-03-01" / "NO_SUCCESS").touch()
    assert landed(site) == ()


def test_a_delivery_knows_where_it_came_from(site: Site) -> None:
    """Its key is all that a run gets; any characters may be in its id."""
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
    """Duplicate and null ids are named with their rows; the other delivery continues."""
    url = manifest(tmp_path / "m.parquet", good=["a", "b"], doubled=["c", "c"], nameless=[None])
    intake = inspect(url)
    assert [key.delivery_id for key in intake.accepted] == ["good"]
    assert {problem.delivery_id for problem in intake.refused} == {"doubled", "nameless"}
    assert rows_of(url, {(problem.day, "doubled") for problem in intake.refused}).num_rows == 2


def test_rows_that_state_no_day_or_no_delivery_are_refused_and_counted(tmp_path: Path) -> None:
    """Neither a run nor the books lose them; the other rows go on."""
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
    """Who wrote the manifest finds them."""
    manifest(tmp_path / "m" / "date=2026-03-01" / "part-0.parquet", shoes=["a", "b"])
    manifest(tmp_path / "m" / "date=2026-03-01" / "part-1.parquet", shoes=["c", "b"])
    (problem,) = inspect(str(tmp_path / "m")).refused
    assert problem.words == (
        "duplicate image_id in the delivery: 2 rows: date=2026-03-01/part-0.parquet row 2 (b), "
        "date=2026-03-01/part-1.parquet row 2 (b)"
    )


@pytest.mark.parametrize("name", ["caf\udce9.jpg", "a\nb.jpg", "\x1b[31m.jpg", " .jpg", "中" * 80 + ".jpg"])
def test_whatever_a_file_is_called_it_is_one_image(tmp_path: Path, name: str) -> None:
    """Its id can be stored and shown, its URI leads to it, and the others of its folder go on."""
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
    """Ids are paths, deliveries the first folder level, what cannot be decoded is listed all the same."""
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
