"""Stores and manifests, on local files and a real S3 protocol server."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.adapters.storage.manifests import allowed_by, manifest_folder, open_manifest
from pipeline.adapters.storage.store import Store
from pipeline.adapters.storage.tables import read_folder, read_row_group, read_table, write_row_groups, write_table
from pipeline.core.errors import ManifestError, StorageError, TransientError
from schemas.tables import MANIFEST
from tests.dask_cluster import free_port

NUMBERS = pa.schema([("number", pa.int64())])


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store on each kind of file system."""
    return Store(str(tmp_path / "store") if request.param == "local" else request.getfixturevalue("bucket") + "/a")


def numbers(*values: int) -> pa.Table:
    """A table of one column."""
    return pa.table({"number": list(values)}, schema=NUMBERS)


def test_what_is_written_is_read_and_listed(store: Store) -> None:
    """Names are relative, sorted, and a folder that is not there has none."""
    store.write("b/two.txt", b"2")
    store.write("b/one.txt", b"1")
    assert store.read("b/two.txt") == b"2"
    assert store.names("b", ".txt") == ["b/one.txt", "b/two.txt"]
    assert store.names("c", ".txt") == []
    with pytest.raises(FileNotFoundError):
        store.read("b/three.txt")


def test_an_object_is_stored_once_under_its_content(store: Store) -> None:
    """The name is the digest, so the same bytes are the same object."""
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert store.put_object(b"pixels", ".png") == f"{digest[:2]}/{digest}.png"
    assert store.put_object(b"pixels", ".png") == f"{digest[:2]}/{digest}.png"
    assert len(store.names("", ".png")) == 1


def test_a_file_whose_writing_fails_never_appears(store: Store) -> None:
    """Neither under its name nor beside it."""

    def die_half_way() -> None:
        with store.writing("x/table.parquet") as stream:
            stream.write(b"half of it")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        die_half_way()
    assert store.names("", "") == []


def test_row_groups_are_read_one_by_one(store: Store) -> None:
    """A shard is one row group, read without the others."""
    write_row_groups(store, "shards.parquet", iter([numbers(1, 2), numbers(3)]), NUMBERS)
    assert read_row_group(store, "shards.parquet", 1) == numbers(3)
    assert read_table(store, "shards.parquet") == numbers(1, 2, 3)


def test_a_folder_of_tables_is_one_table(store: Store) -> None:
    """The ledger is read as a whole; where nothing was written it has no rows but its columns."""
    assert read_folder(store, "ledger", NUMBERS, ["number"]).num_rows == 0
    write_table(store, "ledger/recipe=a-b/one.parquet", numbers(1))
    write_table(store, "ledger/recipe=a-b/two.parquet", numbers(2))
    assert sorted(read_folder(store, "ledger", NUMBERS, ["number"]).column("number").to_pylist()) == [1, 2]


def test_a_store_travels_by_its_url(store: Store) -> None:
    """A worker opens it for itself."""
    import pickle

    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"


def test_a_store_that_cannot_be_used_says_so(bucket: str) -> None:
    """A bucket that is not there is an error with its name, not an empty store."""
    with pytest.raises(StorageError, match="no-such-bucket") as raised:
        Store("s3://no-such-bucket").write("a", b"1")
    assert not isinstance(raised.value, TransientError)


def test_a_store_that_is_away_may_be_asked_again(monkeypatch: pytest.MonkeyPatch, s3_server: str) -> None:
    """Nobody listens at the endpoint: trying again can help. A folder where a file should be is no such case."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(TransientError, match="s3://away"):
        Store("s3://away").read("a")
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_full_disk_and_a_wrong_name_need_a_person(tmp_path: Path) -> None:
    """`/dev/full` refuses every byte as a full disk does; a name that is too long never fits."""
    (tmp_path / "full").symlink_to("/dev/full")
    (tmp_path / "file").write_bytes(b"1")

    def fill() -> None:
        with Store(str(tmp_path))._errors("full"), (tmp_path / "full").open("wb") as stream:
            stream.write(b"1" * 100_000)

    with pytest.raises(StorageError, match="No space left") as full:
        fill()
    assert not isinstance(full.value, TransientError)
    for name in ("x" * 300, "file/below"):
        with pytest.raises(StorageError) as raised:
            Store(str(tmp_path)).write(name, b"1")
        assert not isinstance(raised.value, TransientError)


def images(*ids: str, delivery: str = "d") -> pa.Table:
    """A manifest of these images."""
    rows = [{"image_id": one, "product_id": one, "delivery_id": delivery, "uri": f"/{one}"} for one in ids]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def test_a_partitioned_manifest_knows_its_days(tmp_path: Path) -> None:
    """The day of delivery is the folder's name; one day can be opened by itself."""
    for day, name in (("2026-01-02", "b"), ("2026-01-01", "a")):
        (tmp_path / f"date={day}").mkdir()
        pq.write_table(images(name), tmp_path / f"date={day}" / "part.parquet")
    manifest = open_manifest(str(tmp_path))
    assert manifest.days() == (date(2026, 1, 1), date(2026, 1, 2))
    assert manifest.read(date(2026, 1, 2)).column("image_id").to_pylist() == ["b"]
    one_day = open_manifest(str(tmp_path / "date=2026-01-01"))
    assert one_day.days() == (date(2026, 1, 1),)
    assert one_day.read(date(2026, 1, 1), delivery_id="d").num_rows == 1


def test_a_single_file_was_delivered_when_it_was_written(tmp_path: Path) -> None:
    """Unless it has a column `date`."""
    import os

    pq.write_table(images("a"), tmp_path / "m.parquet")
    os.utime(tmp_path / "m.parquet", (86_400 * 365.25 * 30,) * 2)
    assert [day.year for day in open_manifest(str(tmp_path / "m.parquet")).days()] == [2000]
    dated = images("a", "b").append_column("date", pa.array([date(2026, 5, 1), date(2026, 5, 2)]))
    pq.write_table(dated, tmp_path / "dated.parquet")
    manifest = open_manifest(str(tmp_path / "dated.parquet"))
    assert manifest.days() == (date(2026, 5, 1), date(2026, 5, 2))
    assert manifest.read(date(2026, 5, 2)).column("image_id").to_pylist() == ["b"]


@pytest.mark.parametrize("content", [None, b"", b"no parquet"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file is one clear error."""
    path = tmp_path / "m.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ManifestError, match="cannot be read"):
        open_manifest(str(path)).days()


def test_a_manifest_lies_in_one_folder_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a file; of a dataset its own, also if one day or one part of it is named."""
    part = tmp_path / "my set" / "date=2026-01-02" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(images("a"), part)
    pq.write_table(images("a"), tmp_path / "today.pq")
    monkeypatch.chdir(tmp_path)
    for name in ("my set", "my set/", "my set/date=2026-01-02", str(part), f"file://{part}", "./my set"):
        assert manifest_folder(name) == f"{tmp_path}/my set/"
        assert allowed_by(name) == (f"{(tmp_path / 'my set').as_uri()}/",)
    assert manifest_folder("today.pq") == f"{tmp_path}/"


def test_a_manifest_at_the_top_of_the_disk_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would allow every file."""
    assert (manifest_folder("/today.parquet"), allowed_by("/today.parquet")) == ("/", ())
    assert allowed_by("/date=2026-01-02/part-0.parquet") == ()


def test_a_manifest_on_a_remote_store_allows_its_folder_there(bucket: str) -> None:
    """By a prefix without log-in and query."""
    Store(bucket).write("in/date=2026-01-02/part-0.parquet", b"")
    for name in ("in", "in/date=2026-01-02/", "in/date=2026-01-02/part-0.parquet"):
        assert allowed_by(f"{bucket}/{name}") == (f"{bucket}/in/",)
    assert allowed_by(f"{bucket}/today.parquet") == (f"{bucket}/",)
    assert allowed_by("https://me:pw@h/in/today.parquet?sig=a/b") == ("https://h/in/",)
    assert allowed_by("memory://in/today.parquet") == ()
