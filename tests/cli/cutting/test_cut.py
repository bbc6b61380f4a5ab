"""`cutouts cut` as a person uses it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cutouts.cli import cli
from cutouts.core.errors import ModelError, OutputError
from cutouts.core.pixels import Bytes
from cutouts.stages.memory_budget import process_memory
from tests.models_folder import site_with_picky
from tests.photographs import blank, broken, product
from tests.waiting import until


def cut(*arguments: object) -> Result:
    """Run `cutouts cut` in this process."""
    return CliRunner().invoke(cli, ["cut", *map(str, arguments)], catch_exceptions=False)


def pixels(path: Path) -> Bytes:
    """The pixels of a PNG, unchanged."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image)


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder: the content of each file and the target of each link."""
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def test_one_image_becomes_the_named_png(tmp_path: Path) -> None:
    """If OUT ends in .png it is the file, of the source's size, transparent outside and opaque inside."""
    source = product(tmp_path / "ball.jpg", size=200)
    assert cut(source, "-o", tmp_path / "x" / "ball.png").exit_code == 0
    image = pixels(tmp_path / "x" / "ball.png")
    assert image.shape == (200, 200, 4)
    assert (image[0, 0, 3], image[100, 100, 3]) == (0, 255)
    photograph = cv2.imread(str(source))
    assert photograph is not None
    assert (image[100, 100, :3] == photograph[100, 100]).all()


def test_a_folder_keeps_its_shape(tmp_path: Path) -> None:
    """sub/a.jpg becomes OUT/sub/a.png; other files are ignored and counted."""
    product(tmp_path / "in" / "sub" / "a.jpg")
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    result = cut(tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")] == [
        "sub/a.png"
    ]
    assert "1 other file ignored" in result.output


def test_names_that_would_collide_keep_their_suffix(tmp_path: Path) -> None:
    """Only inputs that differ in nothing but the suffix keep it."""
    first = product(tmp_path / "in" / "a.jpg", seed=1)
    cv2.imwrite(str(tmp_path / "in" / "a.webp"), pixels(first))
    product(tmp_path / "in" / "b.jpg", seed=2)
    assert cut(tmp_path / "in", "-o", tmp_path / "out").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpg.png", "a.webp.png", "b.png"]


def test_the_mask_is_a_grey_png(tmp_path: Path) -> None:
    """--mask writes the matte, from exactly 0 to exactly 255."""
    assert cut(product(tmp_path / "a.jpg"), "-o", tmp_path / "m.png", "--mask").exit_code == 0
    matte = pixels(tmp_path / "m.png")
    assert matte.ndim == 2
    assert (int(matte.min()), int(matte.max())) == (0, 255)


def test_a_cutout_is_cropped_only_on_request(tmp_path: Path) -> None:
    """--crop keeps what was found and nothing around it."""
    source = product(tmp_path / "a.jpg", size=200)
    cut(source, "-o", tmp_path / "a.png", "--crop")
    cropped = pixels(tmp_path / "a.png")
    assert cropped.shape[0] < 180
    assert cropped[..., 3].any(axis=0).all()


def test_an_output_is_written_again_only_if_its_input_or_request_changed(tmp_path: Path) -> None:
    """Equal input and request leave the file alone; another request, or other bytes, replace it."""
    source, target = product(tmp_path / "in" / "a.jpg", seed=1), tmp_path / "out" / "a.png"
    cut(tmp_path / "in", "-o", tmp_path / "out")
    first = target.stat().st_ino
    assert "1 up to date" in cut(tmp_path / "in", "-o", tmp_path / "out").output
    assert target.stat().st_ino == first
    cut(tmp_path / "in", "-o", tmp_path / "out", "--mask")
    assert pixels(target).ndim == 2
    cut(tmp_path / "in", "-o", tmp_path / "out")
    product(source, seed=2)
    assert "1 cut" in cut(tmp_path / "in", "-o", tmp_path / "out").output


@pytest.mark.parametrize("kind", ["text", "picture", "link", "dangling link", "folder"])
def test_foreign_files_are_never_replaced(tmp_path: Path, kind: str) -> None:
    """For one image or a whole folder nothing is written, and the error says what to do."""
    product(tmp_path / "in" / "a.jpg")
    product(tmp_path / "in" / "b.jpg")
    target, elsewhere = tmp_path / "out" / "b.png", product(tmp_path / "elsewhere.png")
    target.parent.mkdir()
    if kind == "text":
        target.write_bytes(b"something else")
    elif kind == "picture":
        shutil.copy(elsewhere, target)
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(elsewhere if kind == "link" else tmp_path / "nowhere.png")
    before = snapshot(tmp_path)
    for source, out in ((tmp_path / "in", target.parent), (tmp_path / "in" / "b.jpg", target)):
        with pytest.raises(OutputError, match=r"nothing was written.*b\.png.* name another output"):
            cut(source, "-o", out if kind != "folder" else target.parent)
    assert snapshot(tmp_path) == before


def test_a_bad_image_is_reported_and_the_others_are_cut(tmp_path: Path) -> None:
    """One bad file changes the exit status and not the other files."""
    product(tmp_path / "in" / "good.jpg")
    broken(tmp_path / "in" / "bad.jpg")
    (tmp_path / "in" / "zero.jpg").write_bytes(b"")
    result = cut(tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    assert "bad.jpg: the image is truncated" in result.output
    assert "zero.jpg: the file is empty" in result.output


def test_a_cutout_without_a_product_is_empty_with_a_warning(tmp_path: Path) -> None:
    """An image without a product is not an error and never gives a confident mask."""
    result = cut(blank(tmp_path / "a.jpg"), "-o", tmp_path / "a.png")
    assert result.exit_code == 0
    assert "nothing was found" in result.output
    assert not pixels(tmp_path / "a.png").any()


def test_an_output_folder_inside_the_source_is_never_read(tmp_path: Path) -> None:
    """A second run makes no cutout of a cutout."""
    product(tmp_path / "a.jpg")
    for _ in range(2):
        assert cut(tmp_path, "-o", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["a.png"]


@pytest.mark.parametrize("spelling", ["same", "dots", "symlink", "hard link", "linked folder"])
@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("mask", [[], ["--mask"]])
def test_an_input_is_never_an_output(tmp_path: Path, spelling: str, many: bool, mask: list[str]) -> None:
    """This holds for every name of it; nothing is written, and the error names it."""
    folder, out = tmp_path / "p", tmp_path / "q"
    photograph = product(folder / "b.png")
    product(folder / "sub" / "c.png")
    if spelling == "linked folder":
        out.symlink_to(folder)
    elif spelling in ("symlink", "hard link"):
        out.mkdir()
        (out / "b.png").symlink_to(photograph) if spelling == "symlink" else (out / "b.png").hardlink_to(photograph)
    else:
        out = folder if spelling == "same" else folder / "sub" / ".." / "../p"
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=r"nothing was written: .*b\.png is .*an input"):
        cut(folder if many else photograph, "-o", out if many else out / "b.png", *mask)
    assert snapshot(tmp_path) == before


def test_our_own_outputs_are_not_sources(tmp_path: Path) -> None:
    """They are recognised in the folder or below it, renamed or named by hand, with or without alpha."""
    folder = tmp_path / "p"
    product(folder / "a.jpg")
    for options in ([], ["--mask"]):
        for out in (folder, folder / "pngs", folder / "of" / "another run"):
            assert cut(folder, "-o", out, *options).exit_code == 0
    (folder / "pngs" / "a.png").rename(folder / "renamed.jpg")
    result = cut(folder, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]
    assert "1 image in" in result.output
    assert "3 PNGs made by cutouts ignored" in result.output
    with pytest.raises(OutputError, match="is a PNG made by cutouts"):
        cut(folder / "a.png", "-o", tmp_path / "x.png")


def test_an_output_folder_with_photographs_is_refused(tmp_path: Path) -> None:
    """It would not be read, so its photographs would be missing silently."""
    product(tmp_path / "p" / "a.jpg")
    product(tmp_path / "p" / "studio" / "b.jpg")
    with pytest.raises(OutputError, match=r"contains photographs itself \(b\.jpg"):
        cut(tmp_path / "p", "-o", tmp_path / "p" / "studio")


@pytest.mark.parametrize("name", ["cut.webp", "cut.jpg", "cut.TIFF", "cut.psd", "cut.zip"])
@pytest.mark.parametrize("many", [True, False])
def test_only_png_is_written(tmp_path: Path, name: str, many: bool) -> None:
    """A name with the suffix of another file type is not taken for a folder."""
    source = product(tmp_path / "p" / "a.jpg")
    result = cut(source.parent if many else source, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert "only PNG is written: name cut.png, or a folder" in result.output
    assert not (tmp_path / name).exists()
    assert cut(source, "-o", tmp_path / "results.v2").exit_code == 0
    assert (tmp_path / "results.v2" / "a.png").is_file()


def test_notes_are_repeated_each_time(tmp_path: Path) -> None:
    """They are also shown if the output is up to date, and do not change the exit status."""
    Image.new("CMYK", (64, 64), (0, 40, 90, 10)).save(tmp_path / "a.tif")
    for fate in ("empty", "up to date"):
        result = cut(tmp_path / "a.tif", "-o", tmp_path / "a.png")
        assert result.exit_code == 0
        assert f"1 {fate}" in result.output
        assert f"note: {tmp_path / 'a.tif'}: " in result.output


def test_unusual_names_each_get_an_output(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, names of 255 bytes, a folder with the name of an output, case and line feeds work."""
    names = [b"caf\xe9.jpg", b"caf\xe8.jpg", "字".encode() * 83 + b"a.jpg", b"a.jpg", b"A.JPG", b"x\ny.jpg", b"b.jpg"]
    data = product(tmp_path / "one.jpg").read_bytes()
    folder = os.fsencode(tmp_path / "p")
    os.makedirs(folder + b"/b.png")  # noqa: PTH103 -- names as bytes
    for name in (*names, b"b.png/c.jpg"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(data)
    result = cut(tmp_path / "p", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(found) == len(names) + 1
    assert tmp_path / "out" / "b.png" / "c.png" in found
    assert f"{len(names) + 1} up to date" in cut(tmp_path / "p", "-o", tmp_path / "out").output


def test_special_files_are_rejected(tmp_path: Path) -> None:
    """A pipe, a socket, a device, a dangling link and a folder with the suffix of an image stop nothing."""
    folder = tmp_path / "p"
    product(folder / "a.jpg")
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "gone.jpg").symlink_to("nowhere")
    (folder / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket.jpg"))
        result = cut(folder, "-o", tmp_path / "out")
    assert result.exit_code == 1
    told = {line.split(": ")[1].rpartition("/")[2] for line in result.output.splitlines() if "rejected: " in line}
    assert told == {"pipe.png", "zero.jpg", "gone.jpg", "socket.jpg"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    """A command that did nothing must not report success."""
    (tmp_path / "in").mkdir()
    result = cut(tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "no images" in result.output


def test_a_kill_leaves_no_partial_file(tmp_path: Path) -> None:
    """After SIGKILL every file under its final name is a whole PNG."""
    for seed in range(40):
        product(tmp_path / "in" / f"{seed}.jpg", seed=seed, size=300)
    command = [str(Path(sys.executable).parent / "cutouts"), "cut", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until(lambda: list((tmp_path / "out").glob("*.png")), process=process)
    process.kill()
    process.wait()
    for path in (tmp_path / "out").glob("*.png"):
        assert pixels(path).shape == (300, 300, 4)


@pytest.mark.parametrize("command", [["--help"], ["cut", "IMAGE", "-o", "OUT"]])
def test_only_needed_libraries_are_imported(tmp_path: Path, command: list[str]) -> None:
    """Help and cutting one image do not wait for Airflow, Dask, Great Expectations, a database, a store or tables."""
    source = product(tmp_path / "a.jpg")
    arguments = [{"IMAGE": str(source), "OUT": str(tmp_path / "a.png")}.get(word, word) for word in command]
    script = f"""
import sys
sys.argv = ["cutouts", *{arguments!r}]
from cutouts.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(" ".join(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"airflow", "dask", "distributed", "great_expectations", "sqlalchemy", "pandas", "matplotlib"}
    heavy |= {"asyncio", "fsspec", "pyarrow"}
    assert not loaded & (heavy if command[0] == "cut" else heavy | {"cv2", "numpy", "onnxruntime"})


def test_threads_give_the_same_pixels(tmp_path: Path) -> None:
    """The number of images worked on at once changes nothing."""
    for seed in range(4):
        product(tmp_path / "in" / f"{seed}.jpg", seed=seed)
    for threads in (1, 4):
        cut(tmp_path / "in", "-o", tmp_path / str(threads), "--threads", threads)
    for seed in range(4):
        one, four = (tmp_path / str(threads) / f"{seed}.png" for threads in (1, 4))
        assert one.read_bytes() == four.read_bytes()
    shutil.rmtree(tmp_path / "1")


def test_each_image_is_opened_for_reading_once(tmp_path: Path) -> None:
    """It is hashed and decoded from the same bytes, and the check before only looks at its location."""
    photograph = product(tmp_path / "a.jpg")
    script = f"""
import sys
opened = []
sys.addaudithook(lambda event, found: opened.append(str(found[0])) if event == "open" else None)
sys.argv = ["cutouts", "cut", {str(photograph)!r}, "-o", {str(tmp_path / "a.png")!r}]
from cutouts.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(sum(name.startswith("/proc/self/fd/") for name in opened))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1"


def test_a_broken_network_stops_the_command_with_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No image is rejected, and the error names the network."""
    monkeypatch.setenv("CUTOUTS_MODELS", str(site_with_picky(tmp_path / "models", limit=0).models))
    for seed in range(5):
        product(tmp_path / "in" / f"{seed}.jpg", seed=seed)
    result = CliRunner().invoke(cli, ["cut", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", "picky"])
    assert isinstance(result.exception, ModelError)
    assert "'picky' fails on every image" in str(result.exception)
    assert "rejected" not in result.output
    assert not (tmp_path / "out").exists()


def test_images_share_the_allowed_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that needs more than there is is rejected by its header, and the others are cut."""
    product(tmp_path / "in" / "small.jpg")
    Image.new("L", (6000, 6000)).save(tmp_path / "in" / "large.png")
    monkeypatch.setenv("CUTOUTS_MAX_MEMORY", "200000000")
    result = cut(tmp_path / "in", "-o", tmp_path / "out", "--threads", 4)
    process_memory.sized(0)  # restored for the tests after this one
    assert result.exit_code == 1
    assert "large.png: the image needs too much memory" in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small.png"]
