"""Objects that are written together, on local files and a real S3 server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cutouts.adapters.storage.object_batch import ObjectBatch
from cutouts.adapters.storage.store import Store, object_name
from cutouts.core.errors import StorageError


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store on each kind of file system."""
    return Store(str(tmp_path / "store") if request.param == "local" else request.getfixturevalue("bucket") + "/batch")


def test_all_objects_are_there_once_the_batch_is_settled(store: Store) -> None:
    """A receipt is written after that, so it never names an object that is missing."""
    batch = ObjectBatch(store)
    names = [batch.put(bytes([number]) * 1000, ".png") for number in range(20)]
    batch.settle()
    batch.close()
    assert store.names("", ".png") == sorted(names)
    assert [store.read(name) for name in names] == [bytes([number]) * 1000 for number in range(20)]


def test_equal_objects_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what this batch has begun to write nor what the store has already is written again."""
    store, written = Store(str(tmp_path)), list[str]()
    there = store.put_object(b"old", ".png")
    write = Store.write

    def recorded(self: Store, name: str, data: bytes) -> None:
        written.append(name)
        write(self, name, data)

    monkeypatch.setattr(Store, "write", recorded)
    batch = ObjectBatch(store)
    names = [batch.put(data, ".png") for data in (b"old", b"new", b"new")]
    batch.settle()
    batch.close()
    assert names == [there, *[object_name(b"new", ".png")] * 2]
    assert written == names[1:2]


@pytest.mark.parametrize("damaged", [b"pix", b"pixelz"], ids=["truncated", "other-bytes"])
def test_a_damaged_object_is_written_again(tmp_path: Path, damaged: bytes) -> None:
    """A file of the wrong size, or with other bytes, is not the object."""
    store = Store(str(tmp_path))
    name = store.put_object(b"pixels", ".png")
    (tmp_path / name).write_bytes(damaged)
    batch = ObjectBatch(store)
    batch.put(b"pixels", ".png")
    batch.settle()
    batch.close()
    assert store.read(name) == b"pixels"


def test_a_failed_write_is_an_error_of_the_batch(tmp_path: Path) -> None:
    """It must not be lost in a thread: the chunk would be recorded without its file."""
    batch = ObjectBatch(Store(str(tmp_path)))
    (tmp_path / object_name(b"pixels", ".png")).mkdir(parents=True)

    def write() -> None:
        batch.put(b"pixels", ".png")
        batch.settle()

    with pytest.raises(StorageError, match="Is a directory"):
        write()
    batch.close()


def test_large_objects_do_not_pile_up_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is slower than the network, the work on images waits for it."""
    may_write, waits = threading.Event(), threading.Event()
    monkeypatch.setattr(Store, "write", lambda *_: may_write.wait())
    batch = ObjectBatch(Store(str(tmp_path)))

    def fill() -> None:
        for number in range(4):
            batch.put(bytes([number]) * 10_000_000, ".png")
        waits.set()

    filling = threading.Thread(target=fill)
    filling.start()
    assert not waits.wait(0.3)
    may_write.set()
    filling.join()
    batch.close()
    assert waits.is_set()
