"""Which files are ours: the marker of a folder, the marks in files, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.ownership import MARKER, claim, is_ours, mark, owned, require_free, write_ours
from cutouts.adapters.storage.places import is_within
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.core.errors import OutputError
from cutouts.core.png_mark import MARK_BYTES, mark_of, marked
from cutouts.schemas.tables import EVALUATION, MANIFEST
from tests.waiting import PATIENCE

MINE = b"mine"
SUFFIXES = frozenset({".jpg", ".png"})


def png() -> bytes:
    """A small PNG."""
    return cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes()


def test_a_mark_is_a_chunk_that_readers_skip() -> None:
    """The pixels are unchanged, the text is read back, and a text of any length fits."""
    data = marked(png(), "matte\nnote")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (4, 4)
    assert mark_of(data) == "matte\nnote"
    assert mark_of(png()) is None
    long = mark_of(marked(png(), "x" * 10_000)[:MARK_BYTES])
    assert long is not None
    assert len(long) > 3000


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"JFIF" * 20, b"\x89PNG\r\n\x1a\n" + b"\xff" * 40])
def test_other_bytes_have_no_mark(data: bytes) -> None:
    """This holds however short or strange they are."""
    assert mark_of(data) is None


def test_a_folder_is_claimed_before_anything_is_written(tmp_path: Path) -> None:
    """The marker lists the names; a second claim keeps it and adds names."""
    for _ in range(2):
        claim(tmp_path / "out", ["report.html", "cutouts"])
    assert owned(tmp_path / "out") == {"report.html", "cutouts"}
    write_ours(tmp_path / "out" / "report.html", b"a page")
    claim(tmp_path / "out", ["report.html", "samples"])
    assert owned(tmp_path / "out") == {"report.html", "cutouts", "samples"}


def ours(folder: Path) -> list[str]:
    """A folder with one file of each kind that a claim covers; gives their names."""
    names = ["a.html", "a.json", "a.md", "a.csv", "a.svg", "table.parquet", "pixels.u8", "objects"]
    claim(folder, names)
    for name in names[:5]:
        write_ours(folder / name, name.encode())
    write_table(open_store(str(folder)), "table.parquet", MANIFEST.empty_table())
    (folder / "pixels.u8").write_bytes(b"pixels")
    (folder / "objects").mkdir()
    return names


@pytest.mark.parametrize("where", ["beside", "in a folder of the same names"])
def test_a_copied_marker_claims_nothing(tmp_path: Path, where: str) -> None:
    """It states its folder. A folder that is moved as a whole, or restored in its place, stays ours."""
    names = ours(tmp_path / "a")
    foreign = tmp_path / "b"
    if where == "beside":
        foreign.mkdir()
        shutil.copy2(tmp_path / "a" / MARKER, foreign)
        (foreign / "a.html").write_bytes(MINE)
    else:
        shutil.copytree(tmp_path / "a", foreign)
    assert owned(foreign) == frozenset()
    assert not is_ours(foreign / "a.html")
    before = {path.name for path in foreign.iterdir()}
    with pytest.raises(OutputError, match=r"holds .*a\.html.*another folder's"):
        claim(foreign, names)
    assert {path.name for path in foreign.iterdir()} == before
    (tmp_path / "a").rename(tmp_path / "moved")
    claim(tmp_path / "moved", names)
    shutil.copytree(tmp_path / "moved", tmp_path / "a")
    claim(tmp_path / "a", names)


def test_a_foreign_marker_is_replaced_if_the_folder_has_no_other_files(tmp_path: Path) -> None:
    """The folder has no file of anybody's in it."""
    ours(tmp_path / "a")
    (tmp_path / "b").mkdir()
    shutil.copy2(tmp_path / "a" / MARKER, tmp_path / "b")
    claim(tmp_path / "b", ["report.html"])
    assert owned(tmp_path / "b") == {"report.html"}


@pytest.mark.parametrize("name", ["a.html", "a.json", "a.md", "a.csv", "a.svg", "table.parquet"])
@pytest.mark.parametrize("how", ["changed", "appended", "replaced", "link", "folder"])
def test_a_changed_file_is_no_longer_ours(tmp_path: Path, name: str, how: str) -> None:
    """Somebody's own words or rows must be kept, even if the file began as ours."""
    names = ours(tmp_path)
    file = tmp_path / name
    data = file.read_bytes()
    file.unlink()
    if how == "link":
        (tmp_path / "elsewhere").write_bytes(data)
        file.symlink_to("elsewhere")
    elif how == "folder":
        file.mkdir()
    elif how == "replaced" and name == "table.parquet":
        pq.write_table(MANIFEST.empty_table(), file)
    else:
        file.write_bytes({"changed": data[:-1] + b"!", "appended": data + b"mine", "replaced": MINE}[how])
    with pytest.raises(OutputError, match=rf"holds {name}, .*or was changed since"):
        claim(tmp_path, names)


def test_several_processes_write_their_files_into_one_folder(tmp_path: Path) -> None:
    """The marker remembers the files of all of them, and what they wrote last; the lock is gone afterwards."""
    code = (
        "import sys; from pathlib import Path; from cutouts.adapters.storage.ownership import write_ours\n"
        "sys.stdin.read()\n"
        "for number in range(100):\n"
        "    for name in [sys.argv[1], 'both.csv']: write_ours(Path(name), f'{sys.argv[1]} {number}'.encode())"
    )
    names = ["a.csv", "b.csv", "c.csv"]
    several = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, cwd=tmp_path) for name in names
    ]
    for process in several:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(PATIENCE) for process in several] == [0, 0, 0]
    assert [name for name in [*names, "both.csv"] if not is_ours(tmp_path / name)] == []
    assert {path.name for path in tmp_path.iterdir()} == {MARKER, "both.csv", *names}


def test_a_file_that_a_killed_run_was_about_to_replace_is_still_ours(tmp_path: Path) -> None:
    """The marker gets the new digest before the file is replaced and keeps the old one until then."""
    write_ours(tmp_path / "a.html", b"old")
    write_ours(tmp_path / "a.html", b"new")
    assert is_ours(tmp_path / "a.html")
    (tmp_path / "a.html").write_bytes(b"old")  # the state that a run leaves if it is killed between marker and file
    claim(tmp_path, ["a.html"])
    write_ours(tmp_path / "a.html", b"newest")
    (tmp_path / "a.html").write_bytes(b"new")
    assert not is_ours(tmp_path / "a.html")


@pytest.mark.parametrize("name", ["a\nb.html", "100%.md", "a b.csv", "caf\udce9.html", "靴.html"])
def test_a_marker_can_hold_every_name(tmp_path: Path, name: str) -> None:
    """Each line is a name with any characters, and files that are gone are dropped from it."""
    write_ours(tmp_path / "gone.html", b"page")
    (tmp_path / "gone.html").unlink()
    write_ours(tmp_path / name, b"page")
    assert is_ours(tmp_path / name)
    assert owned(tmp_path) == {name}


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_existing_files_that_are_not_ours_are_refused(tmp_path: Path, kind: str) -> None:
    """They are named, and no marker is left; other files in the folder do not matter."""
    (tmp_path / "notes.txt").write_text("mine")
    place = tmp_path / "report.html"
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"holds report\.html, .*was not made by cutouts"):
        claim(tmp_path, ["report.html", "cutouts"])
    assert not (tmp_path / MARKER).exists()
    claim(tmp_path, ["cutouts"])
    with pytest.raises(OutputError, match=r"holds report\.html"):
        claim(tmp_path, ["report.html", "cutouts"])


@pytest.mark.parametrize("content", ["", "photographs\n", "# something else\nreport.html\n", "\xff\0"])
def test_a_file_that_only_has_the_name_of_the_marker_marks_nothing(tmp_path: Path, content: str) -> None:
    """It is a foreign file and stays."""
    (tmp_path / MARKER).write_text(content)
    assert owned(tmp_path) == frozenset()
    with pytest.raises(OutputError, match="is not a valid marker of cutouts"):
        claim(tmp_path, ["report.html"])
    assert (tmp_path / MARKER).read_text() == content


def test_a_marker_that_is_a_link_marks_nothing(tmp_path: Path) -> None:
    """A link to the marker of another folder would give its rights to this one."""
    claim(tmp_path / "a", ["report.html"])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / MARKER).symlink_to(tmp_path / "a" / MARKER)
    assert owned(tmp_path / "b") == frozenset()


def test_a_file_proves_that_it_is_ours(tmp_path: Path) -> None:
    """PNGs and tables are known by their content, pages and figures by their digest."""
    (tmp_path / "a.png").write_bytes(marked(png(), "cutout"))
    (tmp_path / "b.png").write_bytes(png())
    assert is_ours(tmp_path / "a.png")
    assert not is_ours(tmp_path / "b.png")
    page = b'<!doctype html>\n<meta charset="utf-8">\n<meta name="generator" content="cutouts">\n'
    for name, data in {"a.html": page, "a.csv": b"images,network,name,mae\r\n", "a.md": b"## All sets\n\n"}.items():
        write_ours(tmp_path / name, data)
        assert is_ours(tmp_path / name)
        (tmp_path / f"not-{name}").write_bytes(data)
        assert not is_ours(tmp_path / f"not-{name}")
    write_table(open_store(str(tmp_path)), "a.parquet", EVALUATION.empty_table())
    assert is_ours(tmp_path / "a.parquet", "evaluation")
    assert not is_ours(tmp_path / "a.parquet", "manifest")
    assert not is_ours(tmp_path / "a.parquet")
    for table in (pa.table({"a": [1]}), pa.table({"a": [1]}).replace_schema_metadata({"table": "mine"})):
        pq.write_table(table, tmp_path / "b.parquet")
        assert not is_ours(tmp_path / "b.parquet", "manifest")
    pq.write_table(MANIFEST.empty_table(), tmp_path / "b.parquet")  # somebody may write a table that they have read
    assert not is_ours(tmp_path / "b.parquet", "manifest")
    write_table(open_store(str(tmp_path)), "b.parquet", MANIFEST.empty_table())
    assert is_ours(tmp_path / "b.parquet", "manifest")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    assert not is_ours(tmp_path / "b.parquet", "manifest")


def test_an_input_is_recognised_under_every_name(tmp_path: Path) -> None:
    """It is recognised through a path with dots, both kinds of links and a linked folder."""
    source = tmp_path / "p" / "a.png"
    source.parent.mkdir()
    source.write_bytes(marked(png(), "cutout"))  # even one that we may replace
    (tmp_path / "link").symlink_to("p")
    (tmp_path / "soft.png").symlink_to(source)
    (tmp_path / "hard.png").hardlink_to(source)
    spellings = ["p/a.png", "p/../p/./a.png", "link/a.png", "soft.png", "hard.png"]
    for spelling in spellings:
        with pytest.raises(OutputError, match="is an input"):
            require_free([tmp_path / spelling], [source])
    require_free([tmp_path / "p" / "b.png", tmp_path / "nowhere" / "a.png"], [source])


@pytest.mark.skipif(os.geteuid() != 0, reason="this machine has no right to mount")
def test_an_input_is_recognised_behind_a_bind_mount(tmp_path: Path) -> None:
    """Two paths lead to one folder."""
    (tmp_path / "p").mkdir()
    (tmp_path / "q").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(png())
    if subprocess.run(["mount", "--bind", str(tmp_path / "p"), str(tmp_path / "q")], check=False).returncode:
        pytest.skip("this machine has no right to mount")
    try:
        with pytest.raises(OutputError, match="is an input"):
            require_free([tmp_path / "q" / "a.png"], [tmp_path / "p" / "a.png"])
        assert is_within(tmp_path / "q" / "new", tmp_path / "p")
    finally:
        subprocess.run(["umount", str(tmp_path / "q")], check=True)


def test_every_problem_is_counted_and_the_first_are_named(tmp_path: Path) -> None:
    """A thousand files do not give a thousand lines."""
    outputs = [tmp_path / f"{number}.png" for number in range(9)]
    for output in outputs:
        output.write_bytes(png())
    with pytest.raises(OutputError, match=r"4\.png exists and was not made by cutouts; and 4 more"):
        require_free(outputs)


def test_a_folder_is_within_itself_and_its_parents(tmp_path: Path) -> None:
    """This holds whether or not it exists."""
    (tmp_path / "p").mkdir()
    (tmp_path / "link").symlink_to("p")
    assert is_within(tmp_path / "p", tmp_path / "p")
    assert is_within(tmp_path / "link" / "new" / "deep", tmp_path / "p")
    assert not is_within(tmp_path, tmp_path / "p")
    assert not is_within(tmp_path / "pq", tmp_path / "p")


def test_our_own_files_are_not_photographs(tmp_path: Path) -> None:
    """Outputs that a marker lists and PNGs with our mark are left out, whatever their names, and counted."""
    names = ["a.jpg", "sub/b.png", ".hidden.jpg", "notes.txt", "result/photographs/c.jpg", "result/objects/d.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(png())
    for name in ("a.png", "sub/renamed.jpg"):
        (tmp_path / name).write_bytes(marked(png(), "cutout"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "e.jpg").write_bytes(png())
    (tmp_path / "result" / "objects").rename(tmp_path / "away")
    claim(tmp_path / "result", ["report.html", "objects"])
    (tmp_path / "away").rename(tmp_path / "result" / "objects")
    found = photographs(tmp_path, SUFFIXES, without=tmp_path / "sub" / ".." / "out")
    assert [path.relative_to(tmp_path).as_posix() for path in found.files] == [
        "a.jpg",
        "result/photographs/c.jpg",
        "sub/b.png",
    ]
    assert found.ignored == ("2 other files ignored; 2 PNGs made by cutouts ignored; 1 output of earlier runs ignored")
    assert mark(tmp_path / "sub" / "renamed.jpg") == "cutout"


def test_our_own_files_are_listed_if_requested(tmp_path: Path) -> None:
    """Cutouts of an earlier run are measured against known mattes like any others."""
    claim(tmp_path, ["listed.png"])
    (tmp_path / "listed.png").write_bytes(png())
    (tmp_path / "marked.png").write_bytes(marked(png(), "cutout"))
    assert photographs(tmp_path, SUFFIXES).files == ()
    found = photographs(tmp_path, SUFFIXES, with_ours=True)
    assert [path.name for path in found.files] == ["listed.png", "marked.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    """Otherwise its photographs would be missing silently."""
    assert photographs(tmp_path / "gone", SUFFIXES).closed == (f"{tmp_path / 'gone'}: No such file or directory",)
