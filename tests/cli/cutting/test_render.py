"""`cutouts render` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cutouts.adapters.images.encoding import source_type_of
from cutouts.cli import cli
from cutouts.core.errors import ConfigError, OutputError
from tests.photographs import blank, product

GPS = 0x8825


def render(*arguments: object) -> Result:
    """Run `cutouts render` in this process."""
    return CliRunner().invoke(cli, ["render", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with small renditions."""
    file = tmp_path / "own.toml"
    file.write_text(
        '[square]\nwidth_px = 90\nheight_px = 90\nfill = 0.8\nground = "white"\nformat = "jpeg"\n'
        '[clear]\nmargin = 0.1\nmax_side_px = 60\nformat = "webp"\n',
        encoding="utf-8",
    )
    return file


def test_photographs_become_a_folder_for_each_rendition(tmp_path: Path, own: Path) -> None:
    """Pictures have the size, the format and the ground of their rendition; a second run makes none."""
    product(tmp_path / "in" / "sub" / "ball.jpg", size=200)
    arguments = (tmp_path / "in", "--recipes", own, "-r", "square", "-r", "clear", "-o", tmp_path / "out")
    assert render(*arguments).exit_code == 0
    with Image.open(tmp_path / "out" / "square" / "sub" / "ball.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (90, 90))
        pixels = np.asarray(image)
    assert (pixels[:5] == 255).all()
    assert np.ptp(np.nonzero((pixels < 200).any(axis=(0, 2)))[0]) + 1 == pytest.approx(72, abs=2)
    with Image.open(tmp_path / "out" / "clear" / "sub" / "ball.webp") as image:
        assert (image.format, image.mode, max(image.size)) == ("WEBP", "RGBA", 60)
    assert "1 up to date" in render(*arguments).output


def test_a_ground_that_cannot_be_used_is_named_before_anything_is_cut(tmp_path: Path) -> None:
    """Every rendition with such a picture is listed with the reason, and no file is written."""
    product(tmp_path / "in" / "ball.jpg", size=200)
    (tmp_path / "torn.png").write_bytes((tmp_path / "in" / "ball.jpg").read_bytes()[:300])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    tables = [f'[{name}]\nground_image = "{name}.png"\n' for name in ("torn", "dot")]
    (tmp_path / "own.toml").write_text("".join(tables), encoding="utf-8")
    arguments = (tmp_path / "in", "--recipes", tmp_path / "own.toml", "-r", "torn", "-r", "dot")
    with pytest.raises(ConfigError, match=r"torn: ground_image: .*\n.*dot: ground_image: 1×1 px"):
        render(*arguments, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_transparent_picture_below_the_product_is_white(tmp_path: Path) -> None:
    """The colours that its transparent pixels hide are not shown."""
    product(tmp_path / "ball.jpg", size=200)
    Image.new("RGBA", (60, 60), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    recipe = '[on]\nwidth_px = 90\nheight_px = 90\nfill = 0.5\nground_image = "clear.png"\nformat = "png"\n'
    (tmp_path / "own.toml").write_text(recipe, encoding="utf-8")
    target = tmp_path / "on.png"
    assert render(tmp_path / "ball.jpg", "--recipes", tmp_path / "own.toml", "-r", "on", "-o", target).exit_code == 0
    with Image.open(target) as image:
        assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)


def test_a_cutout_is_rendered_without_a_network(tmp_path: Path, own: Path) -> None:
    """A PNG with transparent pixels, from any program, is used as it is; the model is not needed."""
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[20:60, 30:50] = (10, 200, 30, 255)
    cv2.imwrite(str(tmp_path / "a.png"), rgba)
    settings = tmp_path / "site.toml"
    settings.write_text(f'models = "{tmp_path / "none"}"\n', encoding="utf-8")
    target = tmp_path / "a.jpg"
    assert (
        render(tmp_path / "a.png", "--recipes", own, "-r", "square", "-o", target, "--config", settings).exit_code == 0
    )
    with Image.open(target) as image:
        middle = np.asarray(image)[45, 45]
    assert np.abs(middle.astype(int) - (30, 200, 10)).max() < 6


def test_dust_in_the_cutout_of_another_program_does_not_move_the_product(tmp_path: Path, own: Path) -> None:
    """Two hardly visible pixels in a corner change nothing."""
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[20:60, 30:50] = (10, 200, 30, 255)
    cv2.imwrite(str(tmp_path / "clean.png"), rgba)
    rgba[2, 3:5] = (10, 200, 30, 9)
    cv2.imwrite(str(tmp_path / "dusty.png"), rgba)
    for name in ("clean.png", "dusty.png"):
        assert render(tmp_path / name, "--recipes", own, "-r", "square", "-o", tmp_path / "out").exit_code == 0
    clean, dusty = (np.asarray(Image.open(tmp_path / "out" / "square" / name)) for name in ("clean.jpg", "dusty.jpg"))
    assert np.array_equal(clean, dusty)


def test_a_photograph_whose_alpha_is_nearly_opaque_is_cut_out(tmp_path: Path, own: Path) -> None:
    """Some programs write an alpha of 254: nobody sees that it is transparent, so it is no cutout."""
    photograph = np.asarray(Image.open(product(tmp_path / "in" / "opaque.jpg", size=200)))
    faint = np.dstack([photograph, np.full((200, 200), 254, np.uint8)])
    Image.fromarray(faint).save(tmp_path / "in" / "faint.png")
    assert render(tmp_path / "in", "--recipes", own, "-r", "square", "-o", tmp_path / "out").exit_code == 0
    opaque, faint = (
        np.asarray(Image.open(tmp_path / "out" / "square" / name), np.int16) for name in ("opaque.jpg", "faint.jpg")
    )
    assert np.abs(opaque - faint).max() <= 8


def test_a_cutout_that_may_be_a_photograph_is_noted(tmp_path: Path, own: Path) -> None:
    """What is visible of it is a rectangle, for example a photograph with rounded corners or on a clear canvas."""
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[20:60, 10:70] = (10, 200, 30, 255)
    cv2.imwrite(str(tmp_path / "canvas.png"), rgba)
    rgba[20:40, 10:30] = 0
    cv2.imwrite(str(tmp_path / "corner.png"), rgba)
    told = [
        render(tmp_path / name, "--recipes", own, "-r", "square", "-o", tmp_path / "out").output
        for name in ("canvas.png", "corner.png")
    ]
    assert ["what is visible is a rectangle" in one for one in told] == [True, False]


def test_notes_are_told_again_about_pictures_that_are_up_to_date(tmp_path: Path) -> None:
    """What was said about the image, and about the quality of a picture, is in the mark of the file."""
    rgba = np.zeros((80, 80, 4), np.uint8)
    rgba[20:60, 10:70] = np.random.default_rng(1).integers(0, 256, (40, 60, 4), np.uint8)
    rgba[20:60, 10:70, 3] = 255
    cv2.imwrite(str(tmp_path / "canvas.png"), rgba)
    tables = '[little]\nmax_bytes = 2600\nformat = "jpeg"\nground = "white"\n[square]\naspect = "1:1"\n'
    (tmp_path / "own.toml").write_text(tables, encoding="utf-8")
    names = ("--recipes", tmp_path / "own.toml", "-r", "little", "-r", "square")
    first, second = (
        render(tmp_path / "canvas.png", *names, "-o", tmp_path / "out").output.splitlines() for _ in range(2)
    )
    assert "up to date" in second[0]
    assert first[1:] == second[1:]
    assert "what is visible is a rectangle" in second[1]
    assert "little: its quality is only" in second[1]


def test_a_cutout_of_ours_becomes_the_same_picture_as_its_photograph(tmp_path: Path, own: Path) -> None:
    """Cut first and rendered later, the pixels are equal."""
    source = product(tmp_path / "in" / "ball.jpg", size=200)
    CliRunner().invoke(cli, ["cut", str(source), "-o", str(tmp_path / "cut" / "ball.png")], catch_exceptions=False)
    for name in ("in", "cut"):
        result = render(tmp_path / name, "--recipes", own, "-r", "square", "-o", tmp_path / f"of-{name}")
        assert result.exit_code == 0
    first, second = (cv2.imread(str(tmp_path / f"of-{name}" / "square" / "ball.jpg")) for name in ("in", "cut"))
    assert first is not None
    assert (first == second).all()


def test_what_we_rendered_is_never_a_source_and_others_are_never_replaced(tmp_path: Path, own: Path) -> None:
    """A rendition in the folder is left out, a rendition by name is rejected, and a stranger's file stops the run."""
    product(tmp_path / "in" / "ball.jpg", size=200)
    square = ("--recipes", own, "-r", "square")
    render(tmp_path / "in", *square, "-o", tmp_path / "in" / "out")
    (tmp_path / "in" / "copy.jpg").write_bytes((tmp_path / "in" / "out" / "square" / "ball.jpg").read_bytes())
    assert "1 image in" in render(tmp_path / "in", *square, "-o", tmp_path / "other").output
    result = render(tmp_path / "in" / "copy.jpg", *square, "-o", tmp_path / "other")
    assert result.exit_code == 1
    assert "it is a rendition made by cutouts" in result.output
    (tmp_path / "third" / "square").mkdir(parents=True)
    (tmp_path / "third" / "square" / "ball.jpg").write_bytes(b"a stranger's")
    with pytest.raises(OutputError, match="was not made by cutouts"):
        render(tmp_path / "in" / "ball.jpg", *square, "-o", tmp_path / "third")


def test_a_rendition_that_cannot_be_made_does_not_prevent_the_others(tmp_path: Path) -> None:
    """Those before and after it are written; the message names each that fails, and its size and limit."""
    recipes = tmp_path / "limits.toml"
    tables = {"first": 'format = "webp"', "tight": "max_bytes = 90", "tighter": "max_bytes = 80", "last": ""}
    tables["long"] = 'format = "webp"\nwidth_px = 16384\nheight_px = 16'
    tables |= {"longest": 'format = "webp"\nwidth_px = 16383\nheight_px = 16', "after": ""}
    recipes.write_text("".join(f"[{name}]\n{table}\n" for name, table in tables.items()))
    rgba = np.full((80, 80, 4), 255, np.uint8)
    rgba[:20, :, 3] = 0
    cv2.imwrite(str(tmp_path / "ball.png"), rgba)
    chosen = [part for name in tables for part in ("-r", name)]
    result = render(tmp_path / "ball.png", "--recipes", recipes, *chosen, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "the picture that was asked for would be too large" in result.output
    assert "at most 90 B are allowed" in result.output
    assert "tighter has" in result.output
    assert "long has 16384×16 px, and WebP allows 16383 px per side: use another format" in result.output
    assert {path.parent.name for path in (tmp_path / "out").glob("*/*")} == {"first", "last", "longest", "after"}


def test_positions_leave_and_generated_pictures_say_so(tmp_path: Path, own: Path) -> None:
    """EXIF with GPS is in the source and not in the picture; a generated source keeps its type."""
    product(tmp_path / "ball.png", size=200)
    exif = Image.Exif()
    exif.get_ifd(GPS)[1] = "N"
    xmp = b'<x Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    with Image.open(tmp_path / "ball.png") as image:
        image.save(tmp_path / "camera.jpg", exif=exif)
        image.save(tmp_path / "generated.jpg", xmp=xmp)
    for name, expected in {"camera": "algorithmicallyEnhanced", "generated": "trainedAlgorithmicMedia"}.items():
        render(tmp_path / f"{name}.jpg", "--recipes", own, "-r", "square", "-o", tmp_path / "out")
        data = (tmp_path / "out" / "square" / f"{name}.jpg").read_bytes()
        assert source_type_of(data) == expected
        with Image.open(tmp_path / "out" / "square" / f"{name}.jpg") as image:
            assert not image.getexif()


def test_equal_names_from_two_folders_stay_apart(tmp_path: Path, own: Path) -> None:
    """Two sources with one name give two pictures."""
    product(tmp_path / "a" / "ball.jpg", seed=1, size=120)
    product(tmp_path / "b" / "ball.jpg", seed=2, size=120)
    render(tmp_path / "a", tmp_path / "b", "--recipes", own, "-r", "square", "-o", tmp_path / "out")
    assert len(list((tmp_path / "out" / "square").iterdir())) == 2


def test_an_image_without_a_product_is_reported(tmp_path: Path, own: Path) -> None:
    """Nothing is written for it, and the exit status is 1."""
    result = render(blank(tmp_path / "blank.jpg"), "--recipes", own, "-r", "square", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "nothing was found in it" in result.output
    assert not (tmp_path / "out").exists()


def test_wrong_targets_are_refused(tmp_path: Path, own: Path) -> None:
    """A file for several pictures, another suffix, and a missing option are errors of usage."""
    source = product(tmp_path / "ball.jpg")
    for arguments in (
        (source, "--recipes", own, "-r", "square", "-r", "clear", "-o", tmp_path / "a.jpg"),
        (source, "--recipes", own, "-r", "square", "-o", tmp_path / "a.png"),
        (source, "-o", tmp_path / "out"),
    ):
        assert render(*arguments).exit_code == 2


def test_the_renditions_are_listed() -> None:
    """Each with its format and size."""
    assert "amazon-main: jpeg, at most 1600 px" in render("--list").output
