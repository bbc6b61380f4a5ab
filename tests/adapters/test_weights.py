"""Downloading networks, with the real U²-Net-p file behind servers that behave well and badly."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from cutouts.adapters import weights
from cutouts.core.errors import ModelError, StorageError, TransientError
from cutouts.models import ModelRow, find
from tests.file_server import FileServer, serving
from tests.waiting import until

HALF = 2_000_000


@pytest.fixture
def body(u2netp_file: Path) -> bytes:
    """The file as published."""
    return u2netp_file.read_bytes()


@pytest.fixture
def row(tmp_path: Path) -> ModelRow:
    """The shipped row, with only the digest that rembg publishes."""
    published = find("u2netp", str(tmp_path))
    return published.model_copy(update={"sha256": None})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the network is written."""
    return tmp_path / "models" / "u2netp.onnx"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen at once."""
    monkeypatch.setattr(weights, "_PAUSE_SECONDS", 0.0)


def left(target: Path) -> list[str]:
    """The files in the folder."""
    return sorted(path.name for path in target.parent.glob("*")) if target.parent.is_dir() else []


def begun(target: Path, row: ModelRow, data: bytes) -> Path:
    """The start of a file, as a broken connection leaves it, without an ETag."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".u2netp.onnx.{row.digest.removeprefix('md5:')[:12]}.part")
    part.write_bytes(data)
    return part


def test_a_file_is_downloaded_once_and_verified(row: ModelRow, target: Path, body: bytes) -> None:
    """A second pull asks for nothing, and progress is reported up to the last byte."""
    told: list[tuple[int, int | None]] = []
    with serving(FileServer(body=body)) as server:
        assert weights.pull(row, target, mirror=server.url, tell=lambda there, whole: told.append((there, whole)))
        assert not weights.pull(row, target, mirror=server.url)
    assert target.read_bytes() == body
    assert left(target) == ["u2netp.onnx"]
    assert [path for path, _ in server.asked] == ["/u2netp.onnx"]
    assert told[-1] == (len(body), len(body))
    assert told == sorted(told)


def test_a_mirror_may_have_a_query(row: ModelRow, target: Path, body: bytes) -> None:
    """The file name is appended to the path, and the signature stays behind it."""
    with serving(FileServer(body=body)) as server:
        assert weights.pull(row, target, mirror=f"{server.url}/networks/?sig=a/b")
    assert [path for path, _ in server.asked] == ["/networks/u2netp.onnx?sig=a/b"]


def test_a_broken_connection_is_resumed(row: ModelRow, target: Path, body: bytes) -> None:
    """Only the missing bytes are requested, and only of the same file."""
    with serving(FileServer(body=body, cuts=[HALF])) as server:
        weights.pull(row, target, mirror=server.url)
    assert target.read_bytes() == body
    headers = server.asked[1][1]
    assert int(headers["Range"].removeprefix("bytes=").removesuffix("-")) <= HALF
    assert headers["If-Range"] == '"first"'


def test_a_failed_pull_keeps_what_arrived_for_the_next_one(row: ModelRow, target: Path, body: bytes) -> None:
    """It never has the network's name, and the next pull requests the rest alone."""
    with serving(FileServer(body=body, cuts=[HALF, *[0] * 8])) as server:
        with pytest.raises(TransientError, match="it resumes"):
            weights.pull(row, target, mirror=server.url)
        assert not target.exists()
        assert all(name.startswith(".") for name in left(target))
        (part,) = target.parent.glob(".*.part")
        there = part.stat().st_size
        assert 0 < there <= HALF
        server.cuts.clear()
        server.asked.clear()
        weights.pull(row, target, mirror=server.url)
    assert [headers["Range"] for _, headers in server.asked] == [f"bytes={there}-"]
    assert left(target) == ["u2netp.onnx"]


_PULL = """
import sys
from pathlib import Path
from cutouts.adapters.weights import pull
from cutouts.models import find
pull(find("u2netp", "nowhere"), Path(sys.argv[1]), mirror=sys.argv[2])
"""


def test_a_killed_pull_is_resumed(row: ModelRow, target: Path, body: bytes) -> None:
    """After SIGKILL no file has the network's name, and the next pull requests the rest alone."""
    with serving(FileServer(body=body, hangs_after=HALF)) as server:
        process = subprocess.Popen([sys.executable, "-c", _PULL, str(target), server.url])
        until(lambda: any(path.stat().st_size for path in target.parent.glob(".*.part")), process=process)
        process.kill()
        process.wait()
    assert not target.exists()
    (part,) = target.parent.glob(".*.part")
    there = part.stat().st_size
    with serving(FileServer(body=body)) as server:
        weights.pull(find("u2netp", "nowhere"), target, mirror=server.url)
    assert [headers.get("Range") for _, headers in server.asked] == [f"bytes={there}-"]
    assert target.read_bytes() == body
    assert left(target) == ["u2netp.onnx"]


def test_a_server_without_ranges_sends_the_whole_file_again(row: ModelRow, target: Path, body: bytes) -> None:
    """The bytes from before are dropped."""
    begun(target, row, body[:HALF])
    with serving(FileServer(body=body, ranges=False)) as server:
        weights.pull(row, target, mirror=server.url)
    assert target.read_bytes() == body
    assert len(server.asked) == 1


def test_a_connection_without_progress_is_given_up(row: ModelRow, target: Path, body: bytes) -> None:
    """If every try starts anew and breaks early, the bytes do not count as progress."""
    hopeless = FileServer(body=body, ranges=False, cuts=[HALF, HALF // 2] * 20)
    with serving(hopeless) as server, pytest.raises(TransientError):
        weights.pull(row, target, mirror=server.url)
    assert len(server.asked) < 10
    assert not target.exists()


@pytest.mark.parametrize("etag", ['"second"', None, 'W/"weak"'])
def test_the_start_of_another_file_is_not_resumed(row: ModelRow, target: Path, body: bytes, etag: str | None) -> None:
    """The ETag tells the files apart, or else the digest does, and the whole file is requested anew."""
    part = begun(target, row, b"x" * HALF)
    part.with_suffix(".etag").write_text('"first"')
    with serving(FileServer(body=body, etag=etag)) as server:
        weights.pull(row, target, mirror=server.url)
    assert target.read_bytes() == body
    assert left(target) == ["u2netp.onnx"]


def test_a_complete_part_is_only_verified(row: ModelRow, target: Path, body: bytes) -> None:
    """It was killed between the last byte and the move, so nothing is left to request."""
    begun(target, row, body)
    with serving(FileServer(body=body, status=416)) as server:
        weights.pull(row, target, mirror=server.url)
    assert target.read_bytes() == body


@pytest.mark.parametrize("length", [True, False])
def test_a_wrong_digest_leaves_nothing(row: ModelRow, target: Path, body: bytes, length: bool) -> None:
    """Another file, or half a file of unknown length, is never taken for the network."""
    row = row.model_copy(update={"bytes": None})
    wrong = body[:-1] + b"x" if length else body[:HALF]
    with (
        serving(FileServer(body=wrong, silent_length=not length)) as server,
        pytest.raises(ModelError, match=r"u2netp from .* does not match the model table: md5 .*discarded"),
    ):
        weights.pull(row, target, mirror=server.url)
    assert left(target) == []


def test_a_truncated_file_is_refused(row: ModelRow, target: Path, body: bytes) -> None:
    """If a server always stops short of the stated length, the error says that a retry can help."""
    with serving(FileServer(body=body[:1000], claims=len(body))) as server, pytest.raises(TransientError):
        weights.pull(row, target, mirror=server.url)
    assert not target.exists()


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
def test_an_existing_file_that_does_not_match_its_row_stays(
    row: ModelRow, target: Path, body: bytes, tmp_path: Path, kind: str
) -> None:
    """It may belong to somebody: the error says to move it away, and nothing is requested."""
    mine = tmp_path / "mine.onnx"
    target.parent.mkdir()
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_bytes(b"mine")
    else:
        target.symlink_to(mine)
    if kind == "link":
        mine.write_bytes(b"mine")
    with serving(FileServer(body=body)) as server, pytest.raises(ModelError, match="move it away, then pull again"):
        weights.pull(row, target, mirror=server.url)
    assert server.asked == []
    assert left(target) == ["u2netp.onnx"]
    assert mine.exists() == (kind == "link")
    assert target.is_symlink() == ("link" in kind)
    if kind in ("file", "link"):
        assert target.read_bytes() == b"mine"


def test_a_link_to_the_right_file_counts_as_pulled(row: ModelRow, target: Path, body: bytes, tmp_path: Path) -> None:
    """A site may link to a shared folder of networks."""
    (tmp_path / "shared.onnx").write_bytes(body)
    target.parent.mkdir()
    target.symlink_to(tmp_path / "shared.onnx")
    assert not weights.pull(row, target, mirror="http://127.0.0.1:9")


@pytest.mark.parametrize("ending", ["part", "etag"])
def test_nothing_is_written_through_a_link(
    row: ModelRow, target: Path, body: bytes, tmp_path: Path, ending: str
) -> None:
    """This holds for temporary names too."""
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    begun(target, row, b"").with_suffix(f".{ending}").unlink(missing_ok=True)
    begun_as = target.with_name(f".u2netp.onnx.{row.digest.removeprefix('md5:')[:12]}.{ending}")
    begun_as.symlink_to(mine)
    with serving(FileServer(body=body)) as server, pytest.raises(StorageError, match="is a link"):
        weights.pull(row, target, mirror=server.url)
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("file", ["/etc/studio.onnx", "../studio.onnx", "a/studio.onnx", "a\\studio.onnx"])
def test_only_plain_file_names_are_pulled(row: ModelRow, target: Path, body: bytes, file: str) -> None:
    """A row may come from a stranger."""
    elsewhere = row.model_copy(update={"file": file})
    with serving(FileServer(body=body)) as server, pytest.raises(ModelError, match="only files in the models folder"):
        weights.pull(elsewhere, target, mirror=server.url)
    assert server.asked == []


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_file_of_another_size_is_refused(
    row: ModelRow, target: Path, body: bytes, announced: bool, difference: int
) -> None:
    """It is refused by its stated length, at the first byte too many, or by its digest."""
    other = row.model_copy(update={"bytes": len(body) + difference})
    with (
        serving(FileServer(body=body, silent_length=not announced)) as server,
        pytest.raises(ModelError, match=r"u2netp from .* does not match the model table") as error,
    ):
        weights.pull(other, target, mirror=server.url)
    if announced:
        assert f"it has {len(body)} B, its row says {other.bytes}" in str(error.value)
    elif difference < 0:
        assert f"it has more than {other.bytes} B" in str(error.value)
    assert left(target) == []


def test_an_endless_file_is_stopped_at_the_size_in_its_row(row: ModelRow, target: Path) -> None:
    """A server that never ends costs no more than that."""
    told: list[int] = []
    small = row.model_copy(update={"bytes": 100_000})
    with (
        serving(FileServer(body=b"x" * 50_000_000, silent_length=True)) as server,
        pytest.raises(ModelError, match="more than 100000 B"),
    ):
        weights.pull(small, target, mirror=server.url, tell=lambda there, _: told.append(there))
    assert max(told, default=0) <= 100_000
    assert left(target) == []


@pytest.mark.parametrize(("status", "kind"), [(404, StorageError), (403, StorageError), (503, TransientError)])
def test_a_server_error_is_reported(
    row: ModelRow, target: Path, body: bytes, status: int, kind: type[Exception]
) -> None:
    """The message has the URL and the answer, and only temporary errors are called transient."""
    with (
        serving(FileServer(body=body, status=status)) as server,
        pytest.raises(kind, match=f"answers {status}") as error,
    ):
        weights.pull(row, target, mirror=server.url)
    assert type(error.value) is kind
    assert left(target) == []


_FULL = """
import resource, sys
from pathlib import Path
from cutouts.adapters.weights import pull
from cutouts.core.errors import StorageError
from cutouts.models import find
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    pull(find("u2netp", "nowhere"), Path(sys.argv[1]), mirror=sys.argv[2])
except StorageError as error:
    print(error)
"""


def test_a_full_disk_leaves_nothing(target: Path, body: bytes) -> None:
    """The system refuses the write after 1 MB, and the part is removed."""
    with serving(FileServer(body=body)) as server:
        command = [sys.executable, "-c", _FULL, str(target), server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large; the download was discarded" in done.stdout
    assert left(target) == []


def test_a_file_that_cannot_fit_is_not_started(row: ModelRow, target: Path, body: bytes) -> None:
    """If the server states the length, the free space is checked first."""
    row = row.model_copy(update={"bytes": None})
    with (
        serving(FileServer(body=body, claims=10**16)) as server,
        pytest.raises(StorageError, match=r"No space left on device; the download was discarded"),
    ):
        weights.pull(row, target, mirror=server.url)
    assert left(target) == []


def test_a_folder_that_cannot_be_created_is_an_error(row: ModelRow, tmp_path: Path) -> None:
    """The message comes before anything is requested."""
    (tmp_path / "models").write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        weights.pull(row, tmp_path / "models" / "u2netp.onnx", mirror="http://127.0.0.1:9")


def test_concurrent_pulls_do_not_mix(row: ModelRow, target: Path, body: bytes) -> None:
    """The second one says so and stops."""
    part = begun(target, row, body[:HALF])
    with part.open("ab") as other, serving(FileServer(body=body)) as server:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another process"):
            weights.pull(row, target, mirror=server.url)
    assert server.asked == []


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_from_the_environment_is_used(
    row: ModelRow, target: Path, body: bytes, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the proxy knows the host, and it is asked for the whole URL."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    elsewhere = row.model_copy(update={"url": "http://networks.invalid/v1/u2netp.onnx"})
    with serving(FileServer(body=body)) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        weights.pull(elsewhere, target)
    assert [path for path, _ in proxy.asked] == ["http://networks.invalid/v1/u2netp.onnx"]
    assert target.read_bytes() == body


def test_an_unpublished_network_cannot_be_pulled(row: ModelRow, target: Path) -> None:
    """The error says where its file belongs."""
    with pytest.raises(ModelError, match=r"has no URL; put its file at .*u2netp\.onnx"):
        weights.pull(row.model_copy(update={"url": None}), target)
