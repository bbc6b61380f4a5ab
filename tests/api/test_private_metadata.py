"""What cameras, phones and agencies write into a photograph reaches no picture that is made of it."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

import cutouts
from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.pixels import Bytes
from cutouts.review.pictures import Picture, picture
from cutouts.review.sheets import open_sheet
from cutouts.review.standings import settled
from tests.camera_files import camera_jpeg, camera_png, found_in
from tests.deliveries import product

RECIPES = """
[plain]
ground = "white"
format = "jpeg"
[exact]
ground = "white"
format = "jpeg"
exact_white = true
[clear]
[card]
format = "webp"
max_side_px = 100
[exactly]
format = "webp-lossless"
[small]
format = "avif"
[scene]
frame = "photograph"
ground = "#f0f0f0"
shadow = "kept"
format = "jpeg"
"""
NAMES = ("plain", "exact", "clear", "card", "exactly", "small", "scene")


@pytest.fixture(params=[camera_jpeg, camera_png])
def shoot(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with one photograph full of metadata."""
    write: Callable[[Bytes], bytes] = request.param
    (tmp_path / "shoot").mkdir()
    data = write(cv2.cvtColor(product(1), cv2.COLOR_BGR2RGB))
    (tmp_path / "shoot" / f"ball.{'jpg' if write is camera_jpeg else 'png'}").write_bytes(data)
    return tmp_path / "shoot"


def site_below(folder: Path) -> Site:
    """A site with a rendition of every format."""
    (folder / "own.toml").write_text(RECIPES, encoding="utf-8")
    return Site(root=str(folder / "site"), cluster="serial", renditions=NAMES, recipes=str(folder / "own.toml"))


def unpacked(file: Path) -> bytes:
    """The bytes of a file with what is packed in them: chunks of a PNG, pictures in a page, the rows of a table."""
    if file.suffix == ".parquet":
        return repr(pq.read_table(file).to_pylist()).encode()
    data = file.read_bytes()
    if data.startswith(b"\x89PNG"):
        return data + b"".join(_inflated(data[found.end() :]) for found in re.finditer(rb"zTXt|iTXt|iCCP", data))
    return data + b"".join(base64.b64decode(one) for one in re.findall(rb"base64,([A-Za-z0-9+/]+=*)", data))


def _inflated(data: bytes) -> bytes:
    """What a chunk with a short name in front of its packed text contains; nothing if it is not packed."""
    for start in range(100):
        with suppress(zlib.error):
            return zlib.decompressobj().decompress(data[start:])
    return b""


def test_the_photographs_of_these_tests_are_full_of_metadata(shoot: Path) -> None:
    """Pillow finds the serial number, the position and the thumbnail; the search finds texts and position."""
    (file,) = shoot.iterdir()
    with Image.open(file) as image:
        exif = image.getexif()
        assert exif.get_ifd(0x8769)[0xA431] == "PrivateBody17"
        assert float(exif.get_ifd(0x8825)[2][2]) == pytest.approx(29.87, abs=0.01)
        assert exif.get_ifd(ExifTags.IFD.IFD1)[0x0202] > 500
    assert len(found_in(unpacked(file))) >= 2


def test_no_file_of_a_run_has_the_metadata_of_a_photograph(shoot: Path, tmp_path: Path) -> None:
    """Cutouts, mattes, renditions in every format, tables, the catalogue, the report and the pictures for review."""
    site = site_below(tmp_path)
    summary = cutouts.run(shoot, tmp_path / "out", site=site)
    assert summary.published == 1
    here = site.model_copy(update={"root": str(tmp_path / "out"), "allowed_sources": (str(shoot),)})
    ((entry,), _) = settled(here, 0)
    sheet = open_sheet(here, entry.gate_id)
    for kind in Picture:
        picture(here, sheet.image(0), kind)
    with Catalog.open(here.catalog_url) as catalog:
        assert {entry.rendition for entry in catalog.renditions.entries() if entry.picture} == {*NAMES}
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert {".png", ".jpg", ".webp", ".avif", ".html", ".parquet"} <= {file.suffix for file in files}
    assert {str(file): found for file in files if (found := found_in(unpacked(file)))} == {}


def test_a_single_cutout_has_no_metadata_of_its_photograph(shoot: Path, tmp_path: Path) -> None:
    """Cutout and matte of the Python package, which are those of `cutouts cut`."""
    (file,) = shoot.iterdir()
    cut = cutouts.cut(file)
    cut.save(tmp_path / "cut.png")
    cut.save(tmp_path / "matte.png", mask=True)
    for name in ("cut.png", "matte.png"):
        assert found_in(unpacked(tmp_path / name)) == []
