"""Photographs on the local disk: which files may be read, under which names, and that every read ends."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cutouts.adapters.storage.sources.reading import read_image
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Reading, parse_prefixes


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder that may be read, beside private files."""
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    (tmp_path / "photos" / "a.jpg").write_bytes(b"bytes")
    (tmp_path / "photos2").mkdir()
    (tmp_path / "photos2" / "a.jpg").write_bytes(b"private")
    (tmp_path / "private.jpg").write_bytes(b"private")
    return tmp_path / "photos"


def below(*folders: Path, max_bytes: int = 100) -> Reading:
    """The allowed sources."""
    return Reading(allowed=parse_prefixes(map(str, folders)), max_bytes=max_bytes, seconds=30)


def refused(uri: str | Path, reading: Reading) -> ImageRejected:
    """How reading it fails; a later run always tries it again."""
    with pytest.raises(ImageRejected) as caught:
        read_image(str(uri), reading)
    assert caught.value.retryable
    return caught.value


def test_a_file_below_an_allowed_folder_is_read(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read by its path, its URI, a relative path or one with `..` that stays inside."""
    monkeypatch.chdir(photos)
    for uri in (
        photos / "a.jpg",
        (photos / "a.jpg").as_uri(),
        "a.jpg",
        "./sub/../a.jpg",
        photos / "sub" / ".." / "a.jpg",
    ):
        assert read_image(str(uri), below(photos)) == b"bytes"
    assert read_image(str(photos / "a.jpg"), below(photos / "a.jpg")) == b"bytes"


@pytest.mark.parametrize(
    "name",
    ["a::b.jpg", "data:x.jpg", "a b%20c.jpg", "a#1.jpg", "a?b.jpg", "s3:x.jpg", "*.jpg", "[a].jpg", "a\n.jpg", "ü.jpg"],
)
def test_a_plain_path_is_not_decoded(photos: Path, name: str) -> None:
    """Nothing in a path is decoded, and a URI is decoded once."""
    (photos / name).write_bytes(name.encode())
    for uri in (str(photos / name), (photos / name).as_uri()):
        assert read_image(uri, below(photos)) == name.encode()


def test_a_name_that_is_not_text_is_read(photos: Path) -> None:
    """Its URI holds the bytes."""
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"bytes")
    assert read_image(f"{photos.as_uri()}/caf%E9.jpg", below(photos)) == b"bytes"


def test_a_file_outside_is_refused_with_what_to_allow(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose name only begins like an allowed one is outside too."""
    monkeypatch.chdir(photos)
    secret = photos.parent / "private.jpg"
    for uri in (
        secret,
        secret.as_uri(),
        "../private.jpg",
        photos / ".." / "private.jpg",
        f"file://{photos}/%2e%2e/private.jpg",
    ):
        found = refused(uri, below(photos))
        assert found.reason is RejectionReason.NOT_ALLOWED
        assert f'add "{photos.parent}" to allowed_sources' in str(found)
    assert refused(photos.parent / "photos2" / "a.jpg", below(photos)).reason is RejectionReason.NOT_ALLOWED
    assert read_image(str(secret), below(photos, photos.parent)) == b"private"


def test_the_existence_of_files_outside_is_not_revealed(photos: Path) -> None:
    """The message is the same whether or not a private file exists."""
    for name in ("/etc/passwd", "/etc/no-such-file", "/proc/self/environ", "/dev/zero", "/root/x/y"):
        assert refused(name, below(photos)).reason is RejectionReason.NOT_ALLOWED
    elsewhere = photos.parent / "elsewhere"
    before = str(refused(elsewhere, below(photos)))
    elsewhere.symlink_to("private.jpg")
    assert str(refused(elsewhere, below(photos))) == before


def test_a_link_is_allowed_by_its_target(photos: Path) -> None:
    """A link inside is read, and one to the outside is refused, over any number of links and folders."""
    (photos / "inside.jpg").symlink_to("a.jpg")
    (photos / "outside.jpg").symlink_to("../private.jpg")
    (photos / "chain.jpg").symlink_to("outside.jpg")
    (photos / "folder").symlink_to(photos.parent / "photos2")
    (photos / "nowhere.jpg").symlink_to(photos.parent / "no-such-file")
    assert read_image(str(photos / "inside.jpg"), below(photos)) == b"bytes"
    for name in ("outside.jpg", "chain.jpg", "folder/a.jpg", "folder/../private.jpg", "nowhere.jpg"):
        assert refused(photos / name, below(photos)).reason is RejectionReason.NOT_ALLOWED
    assert f"leads to {photos.parent / 'private.jpg'}" in str(refused(photos / "chain.jpg", below(photos)))


def test_an_allowed_folder_may_be_a_link(photos: Path) -> None:
    """The folder that it leads to is allowed."""
    (photos.parent / "link").symlink_to(photos)
    assert read_image(str(photos / "a.jpg"), below(photos.parent / "link")) == b"bytes"
    assert read_image(str(photos.parent / "link" / "a.jpg"), below(photos)) == b"bytes"


def test_a_link_that_changes_during_the_read_never_gives_a_file_outside(photos: Path) -> None:
    """The file that was checked is the one that is read."""
    link, over = photos / "link.jpg", threading.Event()

    def flip() -> None:
        targets, number = ("a.jpg", "../private.jpg"), 0
        while not over.is_set():
            number += 1
            (photos / "next").symlink_to(targets[number % 2])
            (photos / "next").replace(link)

    link.symlink_to("a.jpg")
    thread = threading.Thread(target=flip)
    thread.start()
    try:
        found = [_attempt(link, photos) for _ in range(3000)]
    finally:
        over.set()
        thread.join()
    assert set(found) == {b"bytes", RejectionReason.NOT_ALLOWED}


def _attempt(link: Path, photos: Path) -> bytes | RejectionReason:
    try:
        return read_image(str(link), below(photos))
    except ImageRejected as error:
        return error.reason


def pipe(path: Path) -> None:
    """A pipe without a writer."""
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    """A socket without a listener."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def folder(path: Path) -> None:
    """A folder with the name of an image."""
    path.mkdir()


def device(path: Path) -> None:
    """A device that never ends."""
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "words"), [(pipe, "named pipe"), (unix_socket, "socket"), (folder, "folder"), (device, "device")]
)
def test_special_files_are_never_opened(
    photos: Path, make: Callable[[Path], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening or reading them could block for ever; the message says what the file is."""
    monkeypatch.chdir(photos)
    make(photos / "odd.jpg")
    found = refused(photos / "odd.jpg", below(photos, Path("/dev")))
    assert found.reason is RejectionReason.UNREADABLE
    assert words in str(found)


@pytest.mark.parametrize("size", [100, 101, 10**13])
def test_a_read_stops_at_the_size_limit(photos: Path, size: int) -> None:
    """The stated size is checked first."""
    with (photos / "a.jpg").open("wb") as stream:
        stream.truncate(size)
    if size == 100:
        assert read_image(str(photos / "a.jpg"), below(photos)) == bytes(100)
    else:
        assert refused(photos / "a.jpg", below(photos)).reason is RejectionReason.TOO_LARGE


def test_a_file_that_hides_its_size_is_read_up_to_the_limit() -> None:
    """Files in /proc state 0 bytes."""
    maps = Path("/proc/self/smaps")
    assert maps.stat().st_size == 0
    assert refused(maps, below(Path("/proc"), max_bytes=1000)).reason is RejectionReason.TOO_LARGE
    assert read_image("/proc/version", below(Path("/proc"), max_bytes=100_000)) == Path("/proc/version").read_bytes()


def test_reading_a_growing_file_ends(photos: Path) -> None:
    """Its writer does not decide how much is read."""
    path, over = photos / "growing.jpg", threading.Event()
    path.write_bytes(b"")

    def grow() -> None:
        with path.open("ab", buffering=0) as stream:
            while not over.is_set() and stream.tell() < 500_000_000:
                stream.write(bytes(1_000_000))

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        while path.stat().st_size < 1_000_000:
            pass
        found = _attempt_of(path, below(photos, max_bytes=5_000_000))
    finally:
        over.set()
        thread.join()
    assert found is RejectionReason.TOO_LARGE or (isinstance(found, bytes) and len(found) <= 5_000_000)


def _attempt_of(path: Path, reading: Reading) -> bytes | RejectionReason:
    try:
        return read_image(str(path), reading)
    except ImageRejected as error:
        return error.reason


@pytest.mark.parametrize("name", ["no.jpg", "no/no.jpg", "a.jpg/no.jpg"])
def test_a_missing_file_is_reported_as_missing(photos: Path, name: str) -> None:
    """This also holds if its folder is missing or is a file."""
    assert refused(photos / name, below(photos)).reason is RejectionReason.MISSING


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "a\0b.jpg", "a\ud800.jpg", ""])
def test_an_impossible_name_is_one_rejection(photos: Path, name: str) -> None:
    """It is too long, contains NUL or half a character, or is empty."""
    assert refused(f"{photos}/{name}" if name else "", below(photos)) is not None


def test_link_cycles_are_one_rejection(photos: Path) -> None:
    """They lead to no file."""
    (photos / "a.jpg").unlink()
    (photos / "a.jpg").symlink_to("b.jpg")
    (photos / "b.jpg").symlink_to("a.jpg")
    assert refused(photos / "a.jpg", below(photos)).reason is RejectionReason.UNREADABLE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything, and this machine has no other user")
def test_a_file_without_read_permission_is_unreadable(photos: Path) -> None:
    """The detail has the system's own message."""
    (photos / "a.jpg").chmod(0)
    assert "Permission denied" in str(refused(photos / "a.jpg", below(photos)))


@pytest.mark.parametrize(
    "uri",
    [
        "gopher://example/a.jpg", "zip://a.jpg::file:///etc/x.zip", "reference://k::http://127.0.0.1/refs.json",
        "simplecache::https://example.com/a.jpg", "filecache::file:///etc/passwd", "memory://a.jpg", "file://host/a.jpg",
        "local:///etc/passwd", "ftp://example.com/a.jpg", "github://o:r@main/a.jpg", "dask::s3://b/k", "s3://b/../c/k",
    ],
)  # fmt: skip
def test_other_protocols_and_chains_are_always_refused(uri: str) -> None:
    """fsspec would open all of them, some with the secrets of this process."""
    reading = Reading(
        allowed=parse_prefixes(["/", "s3://", "gs://", "abfs://", "https://", "http://"]), max_bytes=100, seconds=5
    )
    assert refused(uri, reading).reason is RejectionReason.NOT_ALLOWED
