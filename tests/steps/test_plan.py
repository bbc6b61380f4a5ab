"""What a plan makes of the rows of a manifest: where their URIs lead, whatever the manifest's name."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import read_table
from cutouts.core.config import Site
from cutouts.core.errors import ManifestError
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import plan_file
from cutouts.intake import inspect
from cutouts.schemas.tables import MANIFEST
from cutouts.steps import plan, read_delivery

DAY = date(2026, 1, 5)
RELATIVE = {
    "a.jpg": "a.jpg",
    "./a.jpg": "a.jpg",
    ".//./b/a.jpg": "b/a.jpg",
    "b/../a.jpg": "b/../a.jpg",
    "~/a.jpg": "~/a.jpg",
    "a:b.jpg": "a:b.jpg",
    "http:x.jpg": "http:x.jpg",
    "data:x.jpg": "data:x.jpg",
    "C:\\photos\\a.jpg": "C:\\photos\\a.jpg",
    "50%25 a::b#c?d.jpg": "50%25 a::b#c?d.jpg",
    "größe/中.jpg": "größe/中.jpg",
}
ABSOLUTE = (
    "/photos/a%20b.jpg",
    "s3://shop/a%2Fb c.jpg",
    "file:///photos/a%20b.jpg",
    "HTTPS://shop.example/a.jpg",
    "https://shop.example/a%2Fb.jpg?X-Amz-Signature=%2B%2f&Expires=1#x",
)


def table(*uris: str) -> pa.Table:
    """A manifest of images at these URIs."""
    rows = [{"image_id": uri, "product_id": "p", "delivery_id": "d", "uri": uri} for uri in uris]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def uris(source: str, site: Site) -> dict[str, str]:
    """The locations of the images of a manifest's only delivery, by what the manifest states."""
    (delivery,) = inspect(source).accepted
    rows = read_delivery(open_store(site.tables_url), source, delivery)
    return dict(zip(rows.column("image_id").to_pylist(), rows.column("uri").to_pylist(), strict=True))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A separate site."""
    return Site(root=str(tmp_path / "site"))


@pytest.mark.parametrize(
    "name",
    [
        "today.parquet",
        "./today.parquet",
        "{here}/today.parquet",
        "../{folder}/today.parquet",
        "file://{here}/today.parquet",
        "set",
        "set/",
        "./set/date=2026-01-05",
        "{here}/set/date=2026-01-05/",
        "set/date=2026-01-05/part-0.parquet",
    ],
)
def test_relative_uris_start_in_the_folder_of_the_manifest(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A dataset's folder is the dataset itself, above its days; URIs with a scheme are unchanged."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set" / "date=2026-01-05").mkdir(parents=True)
    for path in ("today.parquet", "set/date=2026-01-05/part-0.parquet"):
        pq.write_table(table(*RELATIVE, *ABSOLUTE), tmp_path / path)
    folder = f"{tmp_path}/set" if "set" in name else str(tmp_path)
    found = uris(name.format(here=tmp_path, folder=tmp_path.name), site)
    assert found == {uri: f"{folder}/{path}" for uri, path in RELATIVE.items()} | {uri: uri for uri in ABSOLUTE}


def test_relative_uris_of_a_manifest_in_a_bucket_start_there(site: Site, bucket: str, tmp_path: Path) -> None:
    """This holds by day and as a whole."""
    pq.write_table(table("b/a 50%.jpg"), tmp_path / "m.parquet")
    Store(bucket).write("set/date=2026-01-05/part-0.parquet", (tmp_path / "m.parquet").read_bytes())
    for name in ("set", "set/date=2026-01-05", "set/date=2026-01-05/part-0.parquet"):
        assert uris(f"{bucket}/{name}", site) == {"b/a 50%.jpg": f"{bucket}/set/b/a 50%.jpg"}


def test_a_signed_address_reaches_the_worker_unchanged(site: Site, tmp_path: Path) -> None:
    """It is in the plan's tables; the address that people see has no signature."""
    pq.write_table(table(ABSOLUTE[-1]), tmp_path / "m.parquet")
    (delivery,) = inspect(str(tmp_path / "m.parquet")).accepted
    planned = plan(site, tmp_path / "m.parquet", delivery)
    tables = open_store(site.tables_url)
    shards, known = (
        read_table(tables, plan_file(planned.plan_id, f"{name}.parquet")) for name in ("shards", "delivery")
    )
    assert shards.column("uri").to_pylist() == [ABSOLUTE[-1]]
    assert "%2B" not in known.column("uri")[0].as_py()


def test_a_delivery_is_refused_with_the_rows_of_each_problem(site: Site, tmp_path: Path) -> None:
    """Rows are counted as in their files, also for expectations."""
    for number, digest in enumerate(("a" * 64, "A" * 64)):
        rows = table("x", f"y{number}").slice(1 - number, 1 + number).to_pylist()
        folder = tmp_path / "set" / "date=2026-01-05"
        folder.mkdir(parents=True, exist_ok=True)
        part = pa.Table.from_pylist([row | {"sha256": digest} for row in rows], schema=MANIFEST)
        pq.write_table(part, folder / f"part-{number}.parquet")
    with pytest.raises(ManifestError) as caught:
        read_delivery(open_store(site.tables_url), str(tmp_path / "set"), DeliveryKey(date=DAY, delivery_id="d"))
    assert caught.value.problems == (
        "sha256 is not 64 lower-case hexadecimal digits: 2 rows: "
        "date=2026-01-05/part-1.parquet row 1 (x), date=2026-01-05/part-1.parquet row 2 (y1)",
    )


def test_a_missing_delivery_is_an_error_that_names_those_of_the_manifest(site: Site, tmp_path: Path) -> None:
    """It is of another day or has another name. Those that share its id or its day come first."""
    tables, source = open_store(site.tables_url), str(tmp_path / "set")
    for day, delivery in (("2026-01-04", "c"), ("2026-01-05", "d"), ("2026-01-06", "e")):
        folder = tmp_path / "set" / f"date={day}"
        folder.mkdir(parents=True)
        rows = table("x").set_column(table("x").column_names.index("delivery_id"), "delivery_id", pa.array([delivery]))
        pq.write_table(rows, folder / "part-0.parquet")
    for key, others in (
        ("2026-01-06/d", "2026-01-05/d, 2026-01-06/e, 2026-01-04/c"),
        ("2026-01-05/e", "2026-01-06/e, 2026-01-05/d, 2026-01-04/c"),
    ):
        with pytest.raises(ManifestError, match=f"delivery {key} is not in the manifest") as caught:
            read_delivery(tables, source, DeliveryKey.parse(key))
        assert caught.value.problems == (f"it has {others}",)


def test_a_missing_delivery_of_a_manifest_without_any_is_explained(site: Site, tmp_path: Path) -> None:
    """It has no rows, or rows that belong to no delivery."""
    tables, source = open_store(site.tables_url), str(tmp_path / "m.parquet")
    blank = table("x").set_column(table("x").column_names.index("delivery_id"), "delivery_id", pa.array([" "]))
    for rows, problem in (
        (table("x").slice(1), "the manifest has no rows"),
        (blank, "none of its rows states a day and a delivery"),
    ):
        pq.write_table(rows, source)
        with pytest.raises(ManifestError) as caught:
            read_delivery(tables, source, DeliveryKey.parse("2026-01-06/d"))
        assert caught.value.problems == (problem,)
