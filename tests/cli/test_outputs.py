"""What the commands other than `cut` write: never over an input or a foreign file, but over their own output."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cutouts.cli import cli
from cutouts.core.errors import ConfigError, OutputError
from cutouts.evaluation.composites import Composite, Drawing, write_composites
from tests.command import cutouts
from tests.evaluation.networks import a_set, red_is_product
from tests.photographs import product

MINE = b"mine"


def call(*arguments: object) -> Result:
    """Run a command in this process; its errors are raised."""
    return CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)


def evaluation(folder: Path) -> list[object]:
    """A quick `cutouts evaluate` into folder/out."""
    images, truth = (folder / name for name in ("pictures", "masks"))
    if not images.is_dir():
        images, truth = a_set(folder, ["a"])
    network = red_is_product(folder / "red.onnx")
    return ["evaluate", "--images", images, "--truth", truth, "--network", f"red={network}", "-o", folder / "out"]


def looking(folder: Path) -> list[object]:
    """A quick `cutouts look` into folder/out/looks.html."""
    evaluate = evaluation(folder)
    return ["look", evaluate[2], "--network", evaluate[6], "-o", folder / "out" / "looks.html"]


def manifesting(folder: Path) -> list[object]:
    """A quick `cutouts manifest` into folder/out/today.parquet."""
    product(folder / "photos" / "a.jpg")
    return ["manifest", folder / "photos", "-o", folder / "out" / "today.parquet"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (evaluation, "summary.md"),
        (evaluation, "rows.csv"),
        (evaluation, "worst.html"),
        (looking, "looks.html"),
        (manifesting, "today.parquet"),
    ],
)
def test_foreign_files_stay_and_our_own_are_replaced(tmp_path: Path, command: object, name: str) -> None:
    """The first run is refused before it works, over a file or a link; a second run replaces its own output."""
    assert callable(command)
    arguments: Sequence[object] = command(tmp_path)
    place = tmp_path / "out" / name
    place.parent.mkdir()
    for kind in ("file", "link"):
        if kind == "file":
            place.write_bytes(MINE)
        else:
            (tmp_path / "elsewhere").write_bytes(MINE)
            place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OutputError, match=rf"nothing was written: .*{name}"):
            call(*arguments)
        assert place.read_bytes() == MINE
        assert [path.name for path in place.parent.iterdir()] == [name]
        place.unlink()
    for _ in range(2):
        assert call(*arguments).exit_code == 0
    assert place.read_bytes() != MINE


def test_rows_never_replace_the_set_that_they_measure(tmp_path: Path) -> None:
    """They replace it by no name or link, nor a table of another kind or a network."""
    arguments = evaluation(tmp_path)
    images = Path(str(arguments[2]))
    shown, known = ((folder / "a.png").read_bytes() for folder in (images, tmp_path / "masks"))
    pq.write_table(pa.table({"name": ["a"], "image": [shown], "mask": [known]}), tmp_path / "set.parquet")
    before = (tmp_path / "set.parquet").read_bytes()
    (tmp_path / "link.parquet").symlink_to("set.parquet")
    for rows in ("set.parquet", "link.parquet"):
        with pytest.raises(OutputError, match=r"\.parquet is .*an input"):
            call("evaluate", "--images", tmp_path / "set.parquet", *arguments[5:], "--rows", tmp_path / rows)
    assert call(*manifesting(tmp_path)).exit_code == 0
    with pytest.raises(OutputError, match="was not made by cutouts"):
        call(*arguments, "--rows", tmp_path / "out" / "today.parquet")
    assert (tmp_path / "set.parquet").read_bytes() == before


@pytest.mark.parametrize(("command", "name"), [("manifest", "today.csv"), ("manifest", "shoe.jpg"), ("look", "a.png")])
def test_a_name_of_another_kind_is_refused(tmp_path: Path, command: str, name: str) -> None:
    """The message has the kind that is written."""
    product(tmp_path / "photos" / "shoe.jpg")
    before = (tmp_path / "photos" / "shoe.jpg").read_bytes()
    result = call(command, tmp_path / "photos", "-o", tmp_path / "photos" / name)
    assert result.exit_code == 2
    assert "expected a name that ends in ." in result.output
    assert [path.read_bytes() for path in (tmp_path / "photos").iterdir()] == [before]


def test_a_manifest_leaves_out_our_own_outputs(tmp_path: Path) -> None:
    """A cutout beside the photographs is not listed but counted."""
    photograph = product(tmp_path / "photos" / "a.jpg")
    assert call("cut", photograph, "-o", tmp_path / "photos" / "a.png").exit_code == 0
    result = call("manifest", tmp_path / "photos", "-o", tmp_path / "m.parquet")
    assert "1 PNG made by cutouts ignored" in result.output
    assert pq.read_table(tmp_path / "m.parquet")["image_id"].to_pylist() == ["a.jpg"]


def test_composites_change_nothing_beside_their_set(tmp_path: Path) -> None:
    """A folder with the name of a temporary one stays, and names from a stranger's file do not lead outside."""
    for name in (".plain.part", ".plain"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        (tmp_path / "sets" / name / "mine").write_bytes(MINE)
    pixels = np.zeros((4, 4, 3), np.uint8)
    one = Composite(name="../../../evil", image=pixels, alpha=pixels[..., 0])
    write_composites(Drawing(count=1, images=iter([one])), tmp_path / "sets" / "plain")
    assert all(path.is_relative_to(tmp_path / "sets" / "plain") for path in tmp_path.rglob("evil.png"))
    assert len(list((tmp_path / "sets" / "plain" / "images").rglob("*.png"))) == 1
    assert (tmp_path / "sets" / ".plain.part" / "mine").read_bytes() == MINE
    with pytest.raises(ConfigError, match="already exists"):
        write_composites(Drawing(count=1, images=iter([one])), tmp_path / "sets" / "plain")


def test_failed_composites_leave_nothing(tmp_path: Path) -> None:
    """The set appears completely or not at all."""
    bad = Composite(name="a", image=np.zeros((4, 4, 5), np.uint8), alpha=np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="PNG takes"):
        write_composites(Drawing(count=1, images=iter([bad])), tmp_path / "sets" / "plain")
    assert list((tmp_path / "sets").iterdir()) == []


@pytest.mark.parametrize("name", ["bench.json", "bench.svg", "samples"])
def test_a_bench_replaces_only_what_a_bench_wrote(tmp_path: Path, name: str) -> None:
    """It is refused before anything is measured."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(MINE)
    with pytest.raises(OutputError, match=rf"holds {name}"):
        call("bench", "--out", tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes() == MINE


def test_the_demo_replaces_only_what_a_demo_wrote(tmp_path: Path) -> None:
    """`make demo OUT=` and IMAGES= are as careful as `cutouts run`, and errors are one line."""
    photos = product(tmp_path / "photos" / "a.jpg").parent
    (tmp_path / "out" / "photographs").mkdir(parents=True)
    (tmp_path / "out" / "photographs" / "mine.jpg").write_bytes(MINE)
    for options, words in (
        (["--out", tmp_path / "out"], "holds photographs, which would be replaced"),
        (["--out", photos, "--images", photos], "is the source itself"),
    ):
        command = [sys.executable, "-m", "cutouts_airflow.demo", *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_with_plugins())
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert sorted(path.name for path in photos.iterdir()) == ["a.jpg"]


def _with_plugins() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {**os.environ, "PYTHONPATH": f"{root / 'plugins'}{os.pathsep}{root}"}


def test_a_copied_cutout_of_a_run_is_not_a_source(tmp_path: Path) -> None:
    """Objects have our mark, whatever their folder and name."""
    photos = product(tmp_path / "photos" / "a.jpg").parent
    assert cutouts("run", photos, "--out", tmp_path / "result").returncode == 0
    shutil.copy(tmp_path / "result" / "cutouts" / "a.png", photos / "copy.png")
    result = call("cut", photos, "-o", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert "1 PNG made by cutouts ignored" in result.output
    for own in ("result", "result/cutouts"):
        assert "there are no images in" in call("cut", tmp_path / own, "-o", tmp_path / "x").output
