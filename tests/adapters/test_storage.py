"""Stores and manifests, on local files and a real S3 server."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.atomic_files import write_file
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import (
    read_row_group,
    read_table,
    read_tables,
    write_row_groups,
    write_table,
)
from cutouts.core.errors import DamagedError, StorageError, TransientError
from tests.dask_cluster import free_port

PART = "ledger/one.parquet"
NUMBERS = pa.schema([("number", pa.int64())])


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store on each kind of file system."""
    return Store(str(tmp_path / "store") if request.param == "local" else request.getfixturevalue("bucket") + "/a")


def numbers(*values: int) -> pa.Table:
    """A table of one column."""
    return pa.table({"number": list(values)}, schema=NUMBERS)


def test_an_error_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
    """A hidden name with a number in it means nothing to the person who has to make room."""
    (tmp_path / "page.html").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_file(tmp_path / "page.html", b"page")
    assert str(caught.value) == f"[Errno 21] Is a directory: '{tmp_path / 'page.html'}'"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_written_files_are_read_and_listed(store: Store) -> None:
    """Names are relative and sorted, and a missing folder is empty."""
    store.write("b/two.txt", b"2")
    store.write("b/one.txt", b"1")
    assert store.read("b/two.txt") == b"2"
    assert store.names("b", ".txt") == ["b/one.txt", "b/two.txt"]
    assert store.names("c", ".txt") == []
    with pytest.raises(FileNotFoundError):
        store.read("b/three.txt")


def test_an_object_is_stored_once_under_its_digest(store: Store) -> None:
    """Equal bytes are the same object."""
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert store.put_object(b"pixels", ".png") == f"{digest[:2]}/{digest}.png"
    assert store.put_object(b"pixels", ".png") == f"{digest[:2]}/{digest}.png"
    assert len(store.names("", ".png")) == 1


def test_a_file_whose_writing_fails_never_appears(store: Store) -> None:
    """Nothing is left under its name or beside it."""

    def die_half_way() -> None:
        with store.writing("x/table.parquet") as stream:
            stream.write(b"half of it")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        die_half_way()
    assert store.names("", "") == []


def test_row_groups_are_read_one_by_one(store: Store) -> None:
    """A shard is one row group and is read without the others."""
    write_row_groups(store, "shards.parquet", iter([numbers(1, 2), numbers(3)]), NUMBERS)
    assert read_row_group(store, "shards.parquet", 1) == numbers(3)
    assert read_table(store, "shards.parquet") == numbers(1, 2, 3)


def test_many_files_are_read_as_one_table(store: Store) -> None:
    """Without files it has all columns and no rows."""
    assert read_tables(store, [], NUMBERS, ["number"]).num_rows == 0
    write_table(store, "ledger/recipe=a-b/one.parquet", numbers(1))
    write_table(store, "ledger/recipe=a-b/two.parquet", numbers(2))
    names = store.names("ledger", ".parquet")
    assert read_tables(store, names, NUMBERS, ["number"]).column("number").to_pylist() == [1, 2]


def test_a_flipped_bit_in_a_table_is_never_read_as_other_data(tmp_path: Path) -> None:
    """In pages, footer or seal, the error names the file or the data is the same."""
    store, table = Store(str(tmp_path)), numbers(*range(50))
    write_table(store, PART, table)
    path = tmp_path / "ledger" / "one.parquet"
    data, told = path.read_bytes(), 0
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        for found in (_read_or_told(store, many) for many in (False, True)):
            told += found == str(path)
            assert found in (table, str(path)), place
    assert told > len(data) / 2


def _read_or_told(store: Store, many: bool) -> pa.Table | str:
    try:
        return read_tables(store, [PART], NUMBERS, ["number"]) if many else read_table(store, PART)
    except DamagedError as error:
        return error.place


def test_a_sealed_table_is_an_ordinary_parquet_file(tmp_path: Path) -> None:
    """Any Parquet reader reads it, and a file that somebody else put in its place is reported."""
    store, path = Store(str(tmp_path)), tmp_path / "ledger" / "one.parquet"
    write_table(store, PART, numbers(1, 2))
    assert pq.read_table(path) == numbers(1, 2)
    pq.write_table(numbers(3), path)
    with pytest.raises(DamagedError, match="was not written by this version"):
        read_table(store, PART)


def test_a_file_is_moved_and_its_end_is_read(store: Store) -> None:
    """This holds on a disk and in a bucket, and a missing file cannot be moved."""
    store.write("a/b.png", b"0123456789")
    assert store.tail("a/b.png", 4) == b"6789"
    store.move("a/b.png", "damaged/a/b.png")
    store.move("a/b.png", "damaged/a/c.png")
    assert store.names("", "") == ["damaged/a/b.png"]
    with pytest.raises(FileNotFoundError):
        store.tail("a/b.png", 4)


def test_a_pickled_store_can_still_be_read(store: Store) -> None:
    """Work is sent to workers with its store."""
    import pickle

    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"


def test_a_relative_path_begins_in_the_present_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that changes the folder does not go on writing to the folder before."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        open_store("result").write("which", name.encode())
    assert [(tmp_path / name / "result" / "which").read_text() for name in ("first", "second")] == ["first", "second"]
    assert open_store("result") is open_store("result")


def test_an_unusable_store_is_an_error(bucket: str) -> None:
    """A missing bucket is an error with its name, not an empty store."""
    with pytest.raises(StorageError, match="no-such-bucket") as raised:
        Store("s3://no-such-bucket").write("a", b"1")
    assert not isinstance(raised.value, TransientError)


def test_a_missing_bucket_is_no_empty_folder(bucket: str) -> None:
    """`gc` would take everything for not referred to, and `verify` would find nothing to check."""
    assert Store(f"{bucket}/nothing").names("", "") == []
    gone = Store(f"{bucket}-gone/tables")
    with pytest.raises(StorageError, match="its bucket does not exist"):
        gone.names("", "")
    with pytest.raises(StorageError, match="its bucket does not exist"):
        gone.written("plans")


def test_an_unreachable_store_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch, s3_server: str) -> None:
    """Nothing listens at the endpoint; a folder in place of a file is not worth a retry."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(TransientError, match="s3://away"):
        Store("s3://away").read("a")
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_full_disk_and_a_wrong_name_need_a_person(tmp_path: Path) -> None:
    """`/dev/full` refuses every byte like a full disk, and a name that is too long never fits."""
    (tmp_path / "full").symlink_to("/dev/full")
    (tmp_path / "file").write_bytes(b"1")

    def fill() -> None:
        with Store(str(tmp_path))._errors("full"), (tmp_path / "full").open("wb") as stream:
            stream.write(b"1" * 100_000)

    with pytest.raises(StorageError, match="full: No space left on device; free some space and run it again") as full:
        fill()
    assert not isinstance(full.value, TransientError)
    for name in ("x" * 300, "file/below"):
        with pytest.raises(StorageError) as raised:
            Store(str(tmp_path)).write(name, b"1")
        assert not isinstance(raised.value, TransientError)


def test_a_local_file_and_its_new_folders_are_synced_before_they_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the content, then, under its own name, the file's folder; also the folder that a new folder is in."""
    synced: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        inside = f" with {sorted(one.name for one in place.iterdir())}" if place.is_dir() else ""
        synced.append(f"{place}{inside}")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    here = tmp_path / "objects"
    name = Store(str(here)).put_object(b"first", ".png")
    folder, _, file = name.partition("/")
    part = synced.pop(2)
    assert part.startswith(f"{here}/{folder}/.{file}")
    assert synced == [
        f"{tmp_path} with ['objects']",
        f"{here} with ['{folder}']",
        f"{here}/{folder} with ['{file}']",
    ]
    synced.clear()
    Store(str(here)).write(f"{folder}/other", b"second")
    assert [one.rpartition("/")[2] for one in synced[1:]] == [f"{folder} with ['{file}', 'other']"]
