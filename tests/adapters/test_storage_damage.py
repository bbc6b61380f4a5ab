"""Damage in a store is detected and named, and an outage is worth a retry."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from cutouts.adapters.storage.seal import SealedFile
from cutouts.adapters.storage.store import Store
from cutouts.adapters.storage.stored_records import check_record, find_record, read_record, write_record
from cutouts.adapters.storage.stored_tables import read_row_group, read_table, write_table
from cutouts.core.errors import DamagedError, StorageError, TransientError
from cutouts.core.records import RecipeDigests
from tests.closed_folder import closed_folder

RECORD = RecipeDigests(matte_digest="matte", render_digest="render")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store on this disk."""
    return Store(str(tmp_path))


def test_every_flipped_bit_of_a_record_is_detected(store: Store, tmp_path: Path) -> None:
    """None of them is read as another record, and a check that does not know its type finds it too."""
    write_record(store, "a/record.json", RECORD)
    whole = (tmp_path / "a" / "record.json").read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a" / "record.json").write_bytes(damaged)
        assert find_record(store, "a/record.json", RecipeDigests) is None
        with pytest.raises(DamagedError):
            check_record(store, "a/record.json")


def test_a_record_without_a_digest_is_read(store: Store) -> None:
    """It was written by an earlier release."""
    store.write("a/record.json", b'{"matte_digest": "matte", "render_digest": "render"}')
    assert read_record(store, "a/record.json", RecipeDigests) == RECORD


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b'"x"', b"PAR1", b"\x00" * 300])
def test_a_file_that_is_no_record_is_detected(store: Store, content: bytes) -> None:
    """Even if it is JSON: no release has written such a record."""
    store.write("a/record.json", content)
    assert find_record(store, "a/record.json", RecipeDigests) is None
    with pytest.raises(DamagedError):
        check_record(store, "a/record.json")


def test_two_swapped_records_are_detected(store: Store, tmp_path: Path) -> None:
    """Each is undamaged, but says something about another thing; so does one that replaces another."""
    write_record(store, "plans/a/plan.json", RECORD)
    write_record(store, "plans/b/plan.json", replace(RECORD, matte_digest="other"))
    _swap(tmp_path / "plans" / "a" / "plan.json", tmp_path / "plans" / "b" / "plan.json")
    for name in ("plans/a/plan.json", "plans/b/plan.json"):
        assert find_record(store, name, RecipeDigests) is None
        with pytest.raises(DamagedError, match="another file's"):
            check_record(store, name)


def test_two_swapped_tables_are_detected(store: Store, tmp_path: Path) -> None:
    """The error names the file, and whose content it has; a whole store may be moved."""
    for name in ("ledger/masks/recipe=a/p.parquet", "ledger/masks/recipe=b/p.parquet"):
        write_table(store, name, pa.table({"value": [name]}))
    moved = Store(str(tmp_path.rename(tmp_path.with_name("moved"))))
    assert read_table(moved, "ledger/masks/recipe=a/p.parquet").num_rows == 1
    folder = tmp_path.with_name("moved") / "ledger" / "masks"
    _swap(folder / "recipe=a" / "p.parquet", folder / "recipe=b" / "p.parquet")
    for name, other in (("a", "b"), ("b", "a")):
        with pytest.raises(DamagedError, match=rf"recipe={name}/p\.parquet is damaged.*recipe={other}/p\.parquet"):
            read_table(moved, f"ledger/masks/recipe={name}/p.parquet")


def _swap(one: Path, other: Path) -> None:
    here, there = one.read_bytes(), other.read_bytes()
    one.write_bytes(there)
    other.write_bytes(here)


def test_a_record_whose_digest_lacks_its_name_is_read(store: Store) -> None:
    """It was written by an earlier release."""
    body = b'{"matte_digest": "matte", "render_digest": "render"}'
    digest = hashlib.sha256(body).hexdigest().encode()
    store.write("a/record.json", b'{"sha256": "%s", "record": %s}' % (digest, body))
    assert read_record(store, "a/record.json", RecipeDigests) == RECORD


def test_flipped_bits_in_the_pages_of_a_table_are_detected(store: Store, tmp_path: Path) -> None:
    """Values are never misread, and the error names the file and the repair."""
    rng = np.random.default_rng(1)
    table = pa.table({"value": rng.integers(0, 2**60, 2_000)})
    write_table(store, "plans/p/delivery.parquet", table)
    file = tmp_path / "plans" / "p" / "delivery.parquet"
    whole = file.read_bytes()
    for place in rng.integers(64, len(whole) - 1_000, 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(DamagedError, match=r"plans/p/delivery\.parquet is damaged.*cutouts verify --repair"):
            read_table(store, "plans/p/delivery.parquet")


def test_a_folder_that_cannot_be_listed_is_an_error(store: Store, tmp_path: Path) -> None:
    """Its files must not count as not there: `gc` would remove what they refer to."""
    store.write("a/one.json", b"1")
    closed_folder(tmp_path / "a")
    for listed in (lambda: store.names("", ""), store.written):
        with pytest.raises(StorageError, match="File name too long"):
            listed()


def test_a_missing_table_of_a_receipt_is_named(store: Store) -> None:
    """A missing file is damage and is reported in one line."""
    with pytest.raises(DamagedError, match="it is not there"):
        read_table(store, "gates/g/outcomes.parquet")


@pytest.mark.parametrize("damaged", [b"all", b"", b"ALL of it", b"all of it, and more"])
def test_a_damaged_object_is_written_again(store: Store, tmp_path: Path, damaged: bytes) -> None:
    """Whatever happened to an object, it is repaired as soon as its bytes are made again."""
    name = store.put_object(b"all of it", ".png")
    (tmp_path / name).write_bytes(damaged)
    assert store.put_object(b"all of it", ".png") == name
    assert (tmp_path / name).read_bytes() == b"all of it"


def test_a_table_is_read_by_the_thread_that_asks_for_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow's own threads may still free what they read when the interpreter ends, which aborts the process."""
    write_table(store, "t.parquet", pa.table({f"c{number}": [*range(10_000)] for number in range(8)}))
    threads = set()
    read = SealedFile.read

    def noted(file: SealedFile, size: int | None = -1) -> bytes:
        threads.add(threading.get_ident())
        return read(file, size)

    monkeypatch.setattr(SealedFile, "read", noted)
    assert read_table(store, "t.parquet").num_rows == read_row_group(store, "t.parquet", 0).num_rows
    assert threads == {threading.get_ident()}


class _Outage(BaseHTTPRequestHandler):
    """Answers every request with one status; 0 breaks the connection."""

    status: ClassVar[int] = 0

    def _answer(self) -> None:
        if self.status:
            self.send_response(self.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_POST = _answer  # noqa: N815 - the names that the server calls

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Outage]]:
    """An S3 server that fails with the given status."""
    import s3fs

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Outage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    yield _Outage
    server.shutdown()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(("status", "again"), [(500, True), (503, True), (502, True), (0, True), (403, False)])
def test_outages_of_a_store_are_worth_a_retry(outage: type[_Outage], status: int, *, again: bool) -> None:
    """5xx and broken connections are transient, and a refusal is not."""
    outage.status = status
    with pytest.raises(StorageError) as caught:
        Store("s3://shop/site").write("a.txt", b"a")
    assert isinstance(caught.value, TransientError) is again


def test_a_disk_that_refuses_is_not_worth_a_retry(tmp_path: Path) -> None:
    """A folder in place of a file will not go away."""
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        Store(str(tmp_path)).write("folder/a.txt", b"a")
    assert not isinstance(caught.value, TransientError)


def test_a_listing_is_never_cached(bucket: str) -> None:
    """What another process writes to S3 is seen by the next listing."""
    watching, writing = Store(f"{bucket}/a"), Store(f"{bucket}/a")
    assert watching.names("", ".txt") == []
    writing.fs.clear_instance_cache()
    Store(f"{bucket}/a").write("b.txt", b"b")
    assert watching.names("", ".txt") == ["b.txt"]
