"""The output folder of a run: what is refused before anything is written, and how the manifest is replaced."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.adapters.storage.ownership import MARKER, write_ours
from cutouts.core.errors import OutputError
from cutouts.report.folder.folder_claim import REPLACED, claim_folder, holds_manifest, write_manifest
from cutouts.schemas.tables import MANIFEST
from tests.photographs import product

TODAY, TOMORROW = date(2026, 11, 26), date(2026, 11, 27)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a photograph."""
    product(tmp_path / "photos" / "a.jpg")
    return tmp_path / "photos"


def there(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", REPLACED)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_foreign_files_are_refused_and_stay(tmp_path: Path, photos: Path, name: str, kind: str) -> None:
    """Each name that a run writes is tested as a file, as a folder with content, and as a link."""
    out, mine = tmp_path / "out", tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "x.txt").write_text("mine")
    out.mkdir()
    if kind == "file":
        (out / name).write_text("mine")
    elif kind == "folder":
        mine.rename(out / name)
    else:
        (out / name).symlink_to(mine)
    before = there(tmp_path)
    with pytest.raises(OutputError, match=name.replace(".", r"\.")):
        claim_folder(out, str(photos))
    assert there(tmp_path) == before


def test_a_link_that_appears_later_is_refused_too(tmp_path: Path, photos: Path) -> None:
    """The marker lists its name, but the link leads to a file that no run made."""
    claim_folder(tmp_path / "out", str(photos))
    (tmp_path / "mine").mkdir()
    (tmp_path / "out" / "cutouts").symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="cutouts is a link"):
        claim_folder(tmp_path / "out", str(photos))


def test_a_killed_run_can_be_continued(tmp_path: Path, photos: Path) -> None:
    """Before the marker the folder is empty, and after it everything is listed."""
    out = tmp_path / "out"
    out.mkdir()
    (out / f"{MARKER}.1-2.part").write_text("half of a marker")
    claim_folder(out, str(photos))
    write_ours(out / "report.html", b"of the run before")
    (out / "manifest" / "date=2026-11-26").mkdir(parents=True)
    claim_folder(out, str(photos))


def test_the_source_itself_is_refused(tmp_path: Path, photos: Path) -> None:
    """It is recognised under every name."""
    (tmp_path / "link").symlink_to(photos)
    for out in (photos, tmp_path / "link", photos / ".." / "photos"):
        with pytest.raises(OutputError, match="is the source itself"):
            claim_folder(out, str(photos))
    assert there(photos) == {"a.jpg"}


def test_a_folder_that_is_a_source_is_refused(tmp_path: Path, photos: Path) -> None:
    """It has photographs or manifests, or is below a manifest and would become a part of it."""
    other = product(tmp_path / "other" / "b.jpg").parent
    manifests = tmp_path / "manifests"
    (manifests / "date=2026-11-26").mkdir(parents=True)
    for out, source, words in (
        (other, photos, "is a folder of photographs"),
        (manifests, photos, "is a folder of manifests"),
        (manifests / "out", manifests, "would be read as a part of it"),
    ):
        with pytest.raises(OutputError, match=words):
            claim_folder(out, str(source))
    assert there(manifests) == {"date=2026-11-26"}


@pytest.mark.parametrize("name", ["cutouts", "objects/ab", "manifest", "images.parquet"])
def test_a_run_s_output_is_not_a_source_for_the_same_folder(tmp_path: Path, photos: Path, name: str) -> None:
    """It would be replaced while it is read."""
    out = tmp_path / "out"
    claim_folder(out, str(photos))
    if "." in name:
        (out / name).write_text("")
    else:
        product(out / name / "a.jpg")
    with pytest.raises(OutputError, match="was written by runs into"):
        claim_folder(out, str(out / name))


def test_an_output_beside_below_or_above_the_photographs_is_allowed(tmp_path: Path, photos: Path) -> None:
    """Neither folder affects the other."""
    for out in (tmp_path / "result", photos / "result", tmp_path):
        claim_folder(out, str(photos))


def test_the_manifest_of_a_folder_is_alone_in_its_folder(tmp_path: Path) -> None:
    """After another day or a kill only the new one is there."""
    table = MANIFEST.empty_table()
    write_manifest(tmp_path, table, TODAY)
    folder = write_manifest(tmp_path, table, TOMORROW)
    assert there(folder) == {"date=2026-11-27", "date=2026-11-27/part-0.parquet"}


@pytest.mark.parametrize("name", ["date=2026-11-26/.part-0.mine.part", ".part-0.parquet.1-2.part", ".trash/a.parquet"])
def test_hidden_files_in_its_folder_stay(tmp_path: Path, name: str) -> None:
    """Nothing shows that they are ours, and nobody reads them as a part of the manifest."""
    folder = write_manifest(tmp_path, MANIFEST.empty_table(), TODAY)
    hidden = folder / name
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_bytes(b"mine")
    write_manifest(tmp_path, MANIFEST.empty_table(), TOMORROW)
    assert hidden.read_bytes() == b"mine"
    assert [path.name for path in folder.rglob("part-0.parquet")] == ["part-0.parquet"]


def test_a_manifest_rewritten_by_another_program_is_refused(tmp_path: Path) -> None:
    """It was read, changed and written, and its schema still has our name."""
    folder = write_manifest(tmp_path, MANIFEST.empty_table(), TODAY)
    part = folder / "date=2026-11-26" / "part-0.parquet"
    pq.write_table(pq.read_table(part, partitioning=None), part)
    with pytest.raises(OutputError, match="not made by cutouts"):
        write_manifest(tmp_path, MANIFEST.empty_table(), TOMORROW)


@pytest.mark.parametrize("name", ["notes.txt", "date=2026-11-26/more.parquet", "date=2026-11-26/deep/part-0.parquet"])
def test_other_files_in_its_folder_are_refused(tmp_path: Path, name: str) -> None:
    """They would be deleted, or read as a part of the manifest."""
    folder = write_manifest(tmp_path, MANIFEST.empty_table(), TODAY)
    foreign = folder / name
    foreign.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"a": [1]}), foreign)
    before = there(folder)
    with pytest.raises(OutputError, match="not made by cutouts"):
        write_manifest(tmp_path, MANIFEST.empty_table(), TOMORROW)
    assert there(folder) == before


@pytest.mark.parametrize(
    ("file", "manifest"),
    [
        ("part-0.parquet", True),
        ("PART.PARQUET", True),
        ("date=2026-11-26/part-0.parquet", True),
        ("Date=2026-11-26/part-0.parquet", True),
        ("region=eu/date=2026-11-26/part-0.parquet", True),
        ("region=eu/a.jpg", False),
        (".hidden.parquet", False),
        ("result/tables/masks.parquet", False),
    ],
)
def test_photographs_and_manifests_are_told_apart(tmp_path: Path, file: str, *, manifest: bool) -> None:
    """A manifest has Parquet files at its top, or below folders that are named after a key."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert holds_manifest(tmp_path) is manifest
