"""Manifests on a disk, in a bucket or on a web server: their files, days, columns and limits."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.manifests import row_groups, rows
from cutouts.adapters.storage.manifests.files import allowed_by, manifest_folder
from cutouts.adapters.storage.manifests.opening import open_manifest
from cutouts.adapters.storage.manifests.rows import Manifest
from cutouts.adapters.storage.store import Store
from cutouts.core.errors import ManifestError
from cutouts.core.manifests.checks import FAULT
from cutouts.schemas.tables import MANIFEST
from tests.closed_folder import closed_folder
from tests.file_server import FileServer, serving

FIFTH, SIXTH = date(2026, 1, 5), date(2026, 1, 6)


def images(*ids: str, delivery: str = "d") -> pa.Table:
    """A manifest of these images."""
    rows = [{"image_id": one, "product_id": one, "delivery_id": delivery, "uri": f"/{one}"} for one in ids]
    return pa.Table.from_pylist(rows, schema=MANIFEST)


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """The table with that column added or replaced."""
    at = table.schema.get_field_index(name)
    return table.append_column(name, values) if at < 0 else table.set_column(at, name, values)


def write(path: Path, table: pa.Table) -> Path:
    """A part of a manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def ids(manifest: Manifest, day: date | None, **of: Any) -> list[str]:
    """The images of one day."""
    found: list[str] = manifest.read(day, **of).column("image_id").to_pylist()
    return found


def problems(url: object) -> tuple[str, ...]:
    """Why a manifest is refused, at whatever step."""
    with pytest.raises(ManifestError, match=r"cannot be (read|used)") as caught:
        [manifest.read(day) for manifest in [open_manifest(str(url))] for day in manifest.days()]
    return caught.value.problems


def test_a_partitioned_manifest_knows_its_days(tmp_path: Path) -> None:
    """The delivery day is the folder's name; a single day, or one file of it, can be opened."""
    for day, name in (("2026-01-06", "b"), ("2026-01-05", "a")):
        write(tmp_path / f"date={day}" / "part.parquet", images(name))
    manifest = open_manifest(str(tmp_path))
    assert manifest.days() == (FIFTH, SIXTH)
    assert ids(manifest, SIXTH) == ["b"]
    for below in ("date=2026-01-05", "date=2026-01-05/", "date=2026-01-05/part.parquet"):
        one_day = open_manifest(f"{tmp_path}/{below}")
        assert one_day.days() == (FIFTH,)
        assert ids(one_day, FIFTH, delivery_id="d") == ["a"]
        assert one_day.base == f"{tmp_path}/"
    assert ids(open_manifest(str(tmp_path), day=SIXTH), SIXTH) == ["b"]


def test_day_folders_may_be_nested_among_other_keys(tmp_path: Path) -> None:
    """A site may sort its files in any way."""
    write(tmp_path / "region=eu" / "date=2026-01-05" / "a b.parquet", images("a"))
    write(tmp_path / "region=us" / "date=2026-01-05" / "hour=7" / "x.snappy.PARQUET", images("b"))
    manifest = open_manifest(str(tmp_path))
    assert manifest.days() == (FIFTH,)
    assert ids(manifest, FIFTH) == ["a", "b"]
    assert open_manifest(str(tmp_path / "region=eu" / "date=2026-01-05")).base == f"{tmp_path}/"


def test_a_manifest_without_days_is_dated_by_its_newest_file(tmp_path: Path) -> None:
    """A column `date` takes precedence."""
    for name, day in (("a", 5), ("b", 6)):
        path = write(tmp_path / "m" / f"{name}.parquet", images(name))
        os.utime(path, (datetime(2026, 1, day, tzinfo=UTC).timestamp(),) * 2)
    assert open_manifest(str(tmp_path / "m" / "a.parquet")).days() == (FIFTH,)
    assert open_manifest(str(tmp_path / "m")).days() == (SIXTH,)
    dated = write(tmp_path / "dated.parquet", with_column(images("a", "b"), "date", pa.array([FIFTH, SIXTH])))
    manifest = open_manifest(str(dated))
    assert manifest.days() == (FIFTH, SIXTH)
    assert ids(manifest, SIXTH) == ["b"]


def test_a_manifest_of_a_wrong_clock_is_not_dated_in_the_future(tmp_path: Path) -> None:
    """A day to come would count as later than every delivery until then."""
    path = write(tmp_path / "m.parquet", images("a"))
    before, later = datetime.now(UTC).date(), time.time() + 5 * 365 * 86_400
    os.utime(path, (later, later))
    (day,) = open_manifest(str(path)).days()
    assert day is not None
    assert before <= day <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([FIFTH, None, SIXTH]),
        pa.array([FIFTH, None, SIXTH], pa.date64()),
        pa.array(["2026-01-05", " ", "2026-01-06"]),
        pa.array(["2026-01-05", None, "2026-01-06"]).dictionary_encode(),
        pa.array([datetime(2026, 1, 5), None, datetime(2026, 1, 6)], pa.timestamp("ns")),
    ],
)
def test_rows_without_a_day_are_kept(tmp_path: Path, column: pa.Array) -> None:
    """They form a day of their own, the last one, however the column is written."""
    manifest = open_manifest(str(write(tmp_path / "m.parquet", with_column(images("a", "b", "c"), "date", column))))
    assert manifest.days() == (FIFTH, SIXTH, None)
    assert [ids(manifest, day) for day in manifest.days()] == [["a"], ["c"], ["b"]]


def test_the_null_folder_states_no_day(tmp_path: Path) -> None:
    """Hive and Spark write such a folder."""
    write(tmp_path / "date=__HIVE_DEFAULT_PARTITION__" / "part.parquet", images("a"))
    write(tmp_path / "date=2026-01-05" / "part.parquet", images("b"))
    manifest = open_manifest(str(tmp_path))
    assert manifest.days() == (FIFTH, None)
    assert ids(manifest, None) == ["a"]


def test_the_folder_gives_the_day_of_rows_without_one(tmp_path: Path) -> None:
    """If both state a day, they have to agree."""
    folder = tmp_path / "m" / "date=2026-01-05"
    write(folder / "part.parquet", with_column(images("a", "b"), "date", pa.array([None, FIFTH])))
    assert open_manifest(str(tmp_path / "m")).days() == (FIFTH,)
    write(folder / "other.parquet", with_column(images("c", "d"), "date", pa.array([FIFTH, SIXTH])))
    assert problems(tmp_path / "m") == (
        "date=2026-01-05/other.parquet: date: 1 row is not 2026-01-05, the day of its folder: 2 (2026-01-06)",
    )


def test_every_invalid_day_is_found(tmp_path: Path) -> None:
    """It is found in every file, with its row."""
    write(tmp_path / "a.parquet", with_column(images("a", "b"), "date", pa.array(["2026-01-05", "yesterday"])))
    write(tmp_path / "b.parquet", with_column(images("a"), "date", pa.array([datetime(2026, 1, 5, 7)])))
    assert problems(tmp_path) == (
        "a.parquet: date: 1 row is not a day (YYYY-MM-DD): 2 (yesterday)",
        "b.parquet: date: 1 row is not a day (YYYY-MM-DD): 1 (2026-01-05 07:00:00.000000)",
    )


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("date=2026-1-5", "its folder names no day: date=2026-1-5 instead of date=YYYY-MM-DD"),
        ("date=20260105", "its folder names no day"),
        ("date=2026-02-30", "its folder names no day"),
        ("date=", "its folder names no day"),
        ("Date=2026-01-05", "its folder Date=2026-01-05: did you mean date=?"),
        ("date=2026-01-05/date=2026-01-06", "its folders name several days: 2026-01-05, 2026-01-06"),
    ],
)
def test_a_folder_with_an_invalid_day_is_refused(tmp_path: Path, folder: str, words: str) -> None:
    """No day is guessed."""
    write(tmp_path / folder / "part.parquet", images("a"))
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"{folder}/part.parquet: {words}")


@pytest.mark.parametrize("key", ["delivery_id=d", "scope=full", "category=shoes"])
def test_a_column_that_only_a_folder_states_is_refused(tmp_path: Path, key: str) -> None:
    """Spark and Hive move the columns of partitions into folder names, and their values must not be lost."""
    name = key.partition("=")[0]
    lacking = [column for column in images("a").column_names if column != name]
    part = write(tmp_path / "date=2026-01-05" / key / "part.parquet", images("a").select(lacking))
    assert problems(tmp_path)[-1] == (
        f"date=2026-01-05/{key}/part.parquet: its folder {name}=… states this column, and is not read: "
        "write the column into the file"
    )
    write(part, with_column(images("a"), name, pa.array(["d"])))
    assert ids(open_manifest(str(tmp_path)), FIFTH) == ["a"]


def test_files_with_and_without_a_day_are_refused_together(tmp_path: Path) -> None:
    """Their delivery day is unknown, unless a file has no rows."""
    write(tmp_path / "date=2026-01-05" / "part.parquet", images("a"))
    write(tmp_path / "empty.parquet", images())
    assert open_manifest(str(tmp_path)).days() == (FIFTH,)
    write(tmp_path / "part.parquet", images("b"))
    (problem,) = problems(tmp_path)
    assert problem.startswith("part.parquet: it states no day, but other files do")


def test_each_file_has_its_own_columns_and_types(tmp_path: Path) -> None:
    """Columns that the first file lacks, or has with no type or a narrower one, are kept from the second."""
    digest, noon = "a" * 64, datetime(2026, 1, 5, 12, tzinfo=UTC)
    first = images("a").select(["uri", "delivery_id", "product_id", "image_id"])
    first = with_column(with_column(first, "category", pa.nulls(1)), "bytes", pa.array([7], pa.int8()))
    second = with_column(images("b"), "sha256", pa.array([digest], pa.large_string()))
    second = with_column(with_column(second, "category", pa.array(["shoe"])), "bytes", pa.array([2**40]))
    second = with_column(second, "taken_at", pa.array([noon], pa.timestamp("ns", "America/Lima")))
    third = with_column(images("c"), "image_id", pa.array(["c"]).dictionary_encode())
    third = with_column(with_column(third, "uri", pa.array(["/c"], pa.string_view())), "extra", pa.array([[{"x": 1}]]))
    for number, part in enumerate((first, second, third)):
        write(tmp_path / "date=2026-01-05" / f"part-{number}.parquet", part)
    rows = open_manifest(str(tmp_path)).read(FIFTH)
    assert rows.select(MANIFEST.names).schema == MANIFEST
    assert rows.column("image_id").to_pylist() == ["a", "b", "c"]
    assert rows.column("sha256").to_pylist() == [None, digest, None]
    assert rows.column("category").to_pylist() == [None, "shoe", None]
    assert rows.column("bytes").to_pylist() == [7, 2**40, None]
    assert rows.column("taken_at").to_pylist() == [None, noon, None]


def test_every_problem_of_every_file_is_reported_with_its_name(tmp_path: Path) -> None:
    """The supplier can fix all of them at once."""
    folder = tmp_path / "date=2026-01-05"
    write(folder / "part 0.parquet", images("a").drop_columns(["uri"]))
    write(folder / "part-1.parquet", with_column(images("b"), "bytes", pa.array(["7"])))
    write(folder / "part-2.parquet", with_column(images("b"), "SHA256", pa.array(["7"])))
    assert problems(tmp_path) == (
        "date=2026-01-05/part 0.parquet: uri: missing; expected string",
        "date=2026-01-05/part-1.parquet: bytes: expected int64, found string",
        "date=2026-01-05/part-2.parquet: 'SHA256': did you mean 'sha256'? "
        "Names of columns are told apart by case and spaces",
    )
    (folder / "part-3.parquet").write_bytes(b"PAR1 no parquet PAR1")
    (folder / "part-4.parquet").touch()
    assert problems(tmp_path)[1] == "date=2026-01-05/part-4.parquet: the file is empty"


def test_an_error_stays_readable_with_many_problems(tmp_path: Path) -> None:
    """A hundred problems are listed and the others are counted."""
    for number in range(120):
        (tmp_path / f"{number:03}.parquet").touch()
    found = problems(tmp_path)
    assert (len(found), found[-1]) == (101, "… and 20 more problems")


def test_hidden_files_are_not_part_of_a_manifest(tmp_path: Path) -> None:
    """Writers leave such files beside theirs, or have not finished them."""
    folder = tmp_path / "m" / "date=2026-01-05"
    write(folder / "part.parquet", images("a"))
    for name in ("_SUCCESS", ".part.parquet.crc", "_metadata", "_common_metadata", "README.txt"):
        (folder / name).write_bytes(b"x")
    for name in (".part.parquet", "_temporary/0/part.parquet", ".tmp/part.parquet"):
        write(folder / name, images("b"))
    assert ids(open_manifest(str(tmp_path / "m")), FIFTH) == ["a"]
    (folder / "part.parquet").unlink()
    assert problems(tmp_path / "m") == ("there is no Parquet file in that folder",)


@pytest.mark.parametrize("content", [None, b"", b"no parquet"])
def test_a_path_that_is_not_a_manifest_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file is one clear error."""
    path = tmp_path / "m.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ManifestError, match="cannot be read"):
        open_manifest(str(path))


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_only_regular_files_are_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Reading a pipe could wait for ever, and a device may have no end."""
    make(tmp_path / "m.parquet")
    assert problems(tmp_path / "m.parquet") == ("not a regular file",)
    assert problems(tmp_path) == ("m.parquet: not a regular file",)


def test_a_folder_that_cannot_be_listed_refuses_the_manifest(tmp_path: Path) -> None:
    """A part of a full delivery must not count as all of it, because the rest would be withdrawn."""
    write(tmp_path / "date=2026-01-05" / "part.parquet", images("a"))
    closed_folder(tmp_path / "date=2026-01-05")
    assert "File name too long" in problems(tmp_path)[0]


def test_link_cycles_are_walked_once(tmp_path: Path) -> None:
    """A folder may be a link to another disk, or to itself."""
    write(tmp_path / "disk" / "date=2026-01-05" / "part.parquet", images("a"))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "again").symlink_to(tmp_path / "m")
    assert ids(open_manifest(str(tmp_path / "m")), FIFTH) == ["a"]


def test_the_number_of_files_and_rows_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits apply to all files together."""
    for name in ("a", "b"):
        write(tmp_path / f"{name}.parquet", images(name))
    for name, most, words in (
        ("footers.MAX_ROWS", 1, "2 rows; at most 1 are allowed"),
        ("opening.MAX_FILES", 1, "2 files; at most 1 are allowed"),
        ("rows.MAX_BYTES_OF_DAY", 9, "more than 9 bytes of rows that are looked at together"),
    ):
        with monkeypatch.context() as limited:
            limited.setattr(f"cutouts.adapters.storage.manifests.{name}", most)
            (problem,) = problems(tmp_path)
            assert problem.endswith(words)


@pytest.mark.parametrize("name", ["a::b.parquet", "data:x.parquet", "50%25.parquet", "a#b?c.parquet", "http:x.parquet"])
def test_a_plain_path_is_taken_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Its characters have no special meaning, and a relative path starts in the working folder."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, images("a"))
    for spelling in (name, f"./{name}", f"{tmp_path}/{name}"):
        manifest = open_manifest(spelling)
        assert (manifest.rows, manifest.base) == (1, f"{tmp_path}/")


def test_a_file_uri_is_unquoted(tmp_path: Path) -> None:
    """Percent encoding is decoded as in every URI."""
    write(tmp_path / "a b%" / "date=2026-01-05" / "m.parquet", images("a"))
    manifest = open_manifest(f"file://{tmp_path}/a%20b%25")
    assert (manifest.days(), manifest.base) == ((FIFTH,), f"{tmp_path}/a b%/")


def test_a_manifest_is_read_from_a_bucket(bucket: str, tmp_path: Path) -> None:
    """It can be read by day, keys may have any characters, and relative URIs start in the bucket."""
    store = Store(f"{bucket}/shop::x/m")
    for day, name in (("2026-01-05", "a"), ("2026-01-06", "b")):
        store.write(f"date={day}/part 0%.parquet", write(tmp_path / "p.parquet", images(name)).read_bytes())
    store.write("_SUCCESS", b"")
    manifest = open_manifest(f"{bucket}/shop::x/m/")
    assert manifest.days() == (FIFTH, SIXTH)
    assert ids(manifest, SIXTH) == ["b"]
    assert manifest.base == f"{bucket}/shop::x/m/"
    assert open_manifest(f"{bucket}/shop::x/m/date=2026-01-05").base == manifest.base
    assert problems(f"{bucket}/nothing.parquet") == ("it is not there",)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_manifest_on_a_web_server_states_its_days(tmp_path: Path, *, ranges: bool) -> None:
    """The server need not know file times; one without range support is refused with a message."""
    dated = write(tmp_path / "m.parquet", with_column(images("a"), "date", pa.array([FIFTH]))).read_bytes()
    with serving(FileServer(body=dated, ranges=ranges)) as server:
        url = f"{server.url}/in/m.parquet?sig=a/b"
        if ranges:
            assert ids(open_manifest(url), FIFTH) == ["a"]
            assert open_manifest(url).base == f"{server.url}/in/"
        else:
            (problem,) = problems(url)
            assert problem.endswith("does not support range requests: download the manifest, and name the file")
    undated = write(tmp_path / "m.parquet", images("a")).read_bytes()
    with serving(FileServer(body=undated)) as server:
        (problem,) = problems(f"{server.url}/m.parquet")
        assert problem.startswith("it states no day")


@pytest.mark.parametrize("url", ["gopher://example/m.parquet", "reference://x::y", "no-such-scheme://x"])
def test_an_unreadable_url_is_refused_with_a_message(url: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ManifestError, match="cannot be read"):
        open_manifest(url)


def test_text_that_is_not_utf_8_is_reported_with_its_row(tmp_path: Path) -> None:
    """Parquet readers do not check it; the row is named, and its text can be stored and shown."""
    raw = pa.array([b"a", b"caf\xe9"], pa.binary())
    text = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    path = write(tmp_path / "m.parquet", with_column(images("a", "b"), "image_id", text))
    (day,) = open_manifest(str(path)).days()
    rows = open_manifest(str(path)).read(day)
    assert rows.column("image_id").to_pylist() == ["a", r"caf\xe9"]
    assert [bool(bits) for bits in rows.column(FAULT).to_pylist()] == [False, True]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the row groups that are read from now on."""
    read: list[int] = []
    real = row_groups.batches

    def counting(*args: Any) -> Any:
        read.append(args[2])
        return real(*args)

    monkeypatch.setattr(rows, "batches", counting)
    return read


def test_a_file_of_many_days_is_read_once_for_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day has the same rows as when it is read separately."""
    many = with_column(images("a", "b", "c", "d"), "date", pa.array([SIXTH, FIFTH, None, SIXTH]))
    write(tmp_path / "m" / "many.parquet", many)
    write(tmp_path / "m" / "date=2026-01-05" / "part.parquet", images("e"))
    manifest = open_manifest(str(tmp_path / "m"))
    alone = {day: manifest.read(day).to_pylist() for day in manifest.days()}
    read = counted(monkeypatch)
    found = {day: table.to_pylist() for day, table in manifest.by_day()}
    key = operator.itemgetter("image_id")
    assert {day: sorted(rows, key=key) for day, rows in found.items()} == {
        day: sorted(rows, key=key) for day, rows in alone.items()
    }
    assert [[row["image_id"] for row in rows] for rows in found.values()] == [["b", "e"], ["a", "d"], ["c"]]
    assert len(read) == 3, "its days, its rows, and the other file"


@pytest.mark.parametrize("by", ["delivery_id", "date"])
def test_row_groups_outside_of_a_delivery_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """A plan reads only what it needs of a large manifest, or everything if there are no statistics."""
    table = pa.concat_tables([images("a", delivery="d2" if by == "date" else name) for name in ("d1", "d2", "d3")])
    days = [FIFTH, SIXTH, date(2026, 1, 7)] if by == "date" else [SIXTH] * 3
    table = with_column(table, "date", pa.array(days))
    read = counted(monkeypatch)
    for told, groups in ((True, [1]), (False, [0, 1, 2])):
        read.clear()
        pq.write_table(table, tmp_path / "m.parquet", row_group_size=1, write_statistics=told)
        manifest = open_manifest(str(tmp_path / "m.parquet"))
        assert manifest.read(SIXTH, delivery_id="d2").column("row").to_pylist() == [2]
        assert read == groups


def test_a_manifest_has_one_folder_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the file's folder or the dataset itself, even if one day or one part of it is named."""
    part = tmp_path / "my set" / "date=2026-01-02" / "part-0.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(images("a"), part)
    pq.write_table(images("a"), tmp_path / "today.pq")
    monkeypatch.chdir(tmp_path)
    for name in ("my set", "my set/", "my set/date=2026-01-02", str(part), f"file://{part}", "./my set"):
        assert manifest_folder(name) == f"{tmp_path}/my set/"
        assert allowed_by(name) == (f"{(tmp_path / 'my set').as_uri()}/",)
    assert manifest_folder("today.pq") == f"{tmp_path}/"


def test_a_manifest_in_the_root_folder_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would allow every file."""
    assert (manifest_folder("/today.parquet"), allowed_by("/today.parquet")) == ("/", ())
    assert allowed_by("/date=2026-01-02/part-0.parquet") == ()


def test_a_manifest_on_a_remote_store_allows_its_folder_there(bucket: str) -> None:
    """The prefix has no login and no query."""
    Store(bucket).write("in/date=2026-01-02/part-0.parquet", b"")
    for name in ("in", "in/date=2026-01-02/", "in/date=2026-01-02/part-0.parquet"):
        assert allowed_by(f"{bucket}/{name}") == (f"{bucket}/in/",)
    assert allowed_by(f"{bucket}/today.parquet") == (f"{bucket}/",)
    assert allowed_by("https://me:pw@h/in/today.parquet?sig=a/b") == ("https://h/in/",)
    assert allowed_by("memory://in/today.parquet") == ()
