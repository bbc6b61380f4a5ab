"""Photographs in buckets: which ones may be read, and that every read ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.store import Store
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Reading, parse_prefixes
from tests.raw_server import Connection, RawServer, answering


def below(*prefixes: str, max_bytes: int = 100, seconds: float = 30) -> Reading:
    """The allowed sources."""
    return Reading(allowed=parse_prefixes(prefixes), max_bytes=max_bytes, seconds=seconds)


def refused(uri: str, reading: Reading) -> ImageRejected:
    """How reading it fails; a later run always tries it again."""
    with pytest.raises(ImageRejected) as caught:
        read_image(uri, reading)
    assert caught.value.retryable
    return caught.value


def test_an_object_is_read_by_its_key(bucket: str) -> None:
    """Its name may look like anything."""
    for key in ("a.jpg", "in/a::b.jpg", "a%20b.jpg", "a b#1.jpg", "ü.jpg"):
        Store(bucket).fs.pipe_file(f"{bucket.removeprefix('s3://')}/{key}", key.encode())
        assert read_image(f"{bucket}/{key}", below(bucket)) == key.encode()
    assert refused(f"{bucket}/b.jpg", below(bucket)).reason is RejectionReason.MISSING
    assert refused(f"{bucket}/in", below(bucket)).reason is RejectionReason.UNREADABLE


def test_another_bucket_is_refused_with_what_to_allow(bucket: str) -> None:
    """The object is not requested, whether it exists or not."""
    Store(bucket).write("in/a.jpg", b"bytes")
    for allowed in ("https://", "s3://other", f"{bucket}2", f"{bucket}/out"):
        found = refused(f"{bucket}/in/a.jpg", below(allowed))
        assert found.reason is RejectionReason.NOT_ALLOWED
        assert f'add "{bucket}/" to allowed_sources' in str(found)
    assert read_image(f"{bucket}/in/a.jpg", below("s3://")) == b"bytes"


@pytest.mark.parametrize("size", [0, 100, 101, 100_000])
def test_a_read_stops_at_the_size_limit(bucket: str, size: int) -> None:
    """An empty object is refused too."""
    Store(bucket).write("a.jpg", bytes(size))
    if size <= 100:
        assert read_image(f"{bucket}/a.jpg", below(bucket)) == bytes(size)
    else:
        assert refused(f"{bucket}/a.jpg", below(bucket)).reason is RejectionReason.TOO_LARGE


def test_a_compressed_object_is_not_unpacked(bucket: str, s3_server: str) -> None:
    """An object's Content-Encoding is a label and not an order to unpack it."""
    store = Store(bucket)
    with store.fs.open(store.path("a.jpg"), "wb", ContentEncoding="gzip") as stream:
        stream.write(b"\x1f\x8bnot unpacked")
    assert read_image(f"{bucket}/a.jpg", below(bucket)) == b"\x1f\x8bnot unpacked"


def test_a_store_without_its_client_is_one_rejection() -> None:
    """It says what is not installed."""
    assert "gcsfs" in str(refused("gs://bucket/a.jpg", below("gs://")))


@pytest.fixture
def slow_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """An S3 server that states the size of an object and then sends it drop by drop."""
    import s3fs

    def answer(connection: Connection, line: str) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\nETag: "a"\r\n\r\n')
        while line.startswith("GET"):
            connection.sendall(b"x")
            time.sleep(0.1)

    with answering(answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        s3fs.S3FileSystem.clear_instance_cache()
        yield server
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_slow_store_times_out(slow_store: RawServer) -> None:
    """One clock covers the whole read."""
    began = time.monotonic()
    found = refused("s3://bucket/a.jpg", below("s3://bucket", seconds=6))
    assert 5.9 < time.monotonic() - began < 20
    assert found.reason is RejectionReason.UNREADABLE
    assert "6 s" in str(found)
    assert any(request.startswith("GET") for request in slow_store.asked)
