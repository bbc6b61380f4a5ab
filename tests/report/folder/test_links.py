"""The links below `cutouts/` are made, renewed and removed, and nothing else is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.core.errors import StorageError
from cutouts.report.folder.links import write_links

ONE, TWO = (f"objects/{digit * 2}/{digit * 64}.png" for digit in "ab")


def tree(folder: Path) -> list[str]:
    """Everything below a folder, in order, and each link with its target."""
    found = sorted(folder.rglob("*"))
    return [f"{path.relative_to(folder)}{f' -> {path.readlink()}' if path.is_symlink() else ''}" for path in found]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a run with two objects."""
    for name in (ONE, TWO):
        (tmp_path / "out" / name).parent.mkdir(parents=True)
        (tmp_path / "out" / name).write_bytes(b"png")
    return tmp_path / "out"


def test_links_are_relative_and_kept_up_to_date(out: Path) -> None:
    """The folder can be moved; outdated links are removed, with the folders that become empty."""
    write_links(out, {"a.png": ONE, "sub/deep/b.png": TWO})
    assert (out / "cutouts" / "sub" / "deep" / "b.png").read_bytes() == b"png"
    write_links(out, {"a.png": TWO})
    assert tree(out / "cutouts") == [f"a.png -> ../{TWO}"]


def test_a_name_may_become_a_folder_and_back(out: Path) -> None:
    """A link of an earlier run does not block a folder of the same name."""
    for wanted in ({"a.png": ONE}, {"a.png/b.png": ONE}, {"a.png": TWO}):
        write_links(out, wanted)
        (name,) = wanted
        assert (out / "cutouts" / name).is_file()


def test_foreign_files_are_left_alone(out: Path, tmp_path: Path) -> None:
    """Files, folders and links, even dangling ones, are neither removed nor replaced nor written through."""
    elsewhere, folder = tmp_path / "elsewhere", out / "cutouts"
    elsewhere.mkdir()
    (elsewhere / "mine.png").write_bytes(b"mine")
    (folder / "empty").mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "link.png").symlink_to(elsewhere / "mine.png")
    (folder / "dangling.png").symlink_to("../objects/nowhere.png")
    (folder / "absolute.png").symlink_to(out / ONE)
    (folder / "sub").symlink_to(elsewhere)
    before = tree(tmp_path)
    with pytest.raises(StorageError, match=r"4 links were not made in .*cutouts.*Move them away") as error:
        write_links(
            out, {"link.png": ONE, "dangling.png": ONE, "notes.txt/a.png": ONE, "sub/mine.png": TWO, "b.png": TWO}
        )
    assert "b.png" not in str(error.value)
    assert sorted(set(tree(tmp_path)) - set(before)) == [f"out/cutouts/b.png -> ../{TWO}"]
    assert set(before) <= set(tree(tmp_path))


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_cutouts_path_that_is_not_a_folder_is_refused(out: Path, tmp_path: Path, kind: str) -> None:
    """Through a link, the links of another run would be changed."""
    other = tmp_path / "other"
    (other / ONE).parent.mkdir(parents=True)
    (other / ONE).write_bytes(b"png")
    write_links(other, {"a.png": ONE})
    if kind == "link":
        (out / "cutouts").symlink_to(other / "cutouts")
    else:
        (out / "cutouts").write_text("mine")
    with pytest.raises(StorageError, match="is not a folder: move it away"):
        write_links(out, {"b.png": ONE})
    assert tree(other / "cutouts") == [f"a.png -> ../{ONE}"]
