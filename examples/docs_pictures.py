"""Makes the pictures of the documentation again, from the demo's samples and with today's code.

    python examples/docs_pictures.py docs

It writes `before-after.webp`, `renditions.webp` and a `channel-NAME.webp` for each market channel into the folder.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import cutouts
from cutouts.api.renderer import Renderer
from cutouts.recipes import renditions_named
from cutouts.samples.sample_set import DELIVERY, write_samples

BEFORE_AFTER = (
    "torch-photograph",
    "trekking-poles-photograph",
    "tea-tin-photograph",
    "bag-on-fine-straps",
    "mug-with-a-hole",
    "teapot-in-a-busy-scene",
    "glass-of-juice",
)
ROWS = ("bag-on-fine-straps", "bottle-packshot", "mug-with-a-hole", "torch-photograph")
COLUMNS = ("amazon-main", "aboutyou-main", "transparent", "packshot", "packshot-own-shadow")
CHANNELS = {
    "aboutyou": ("trekking-poles-photograph", "aboutyou-main"),
    "amazon": ("tea-tin-photograph", "amazon-main"),
    "ebay": ("torch-photograph", "ebay-main"),
    "google": ("teapot-in-a-busy-scene", "google-main"),
    "otto": ("bottle-packshot", "otto-main"),
    "shopify": ("vase-white-on-white", "shopify"),
    "walmart": ("mug-with-a-hole", "walmart-main"),
    "zalando": ("bag-on-fine-straps", "zalando-packshot"),
}
"""The sample and the rendition that the page of a channel shows."""

Colour = tuple[int, int, int]


WHITE, PALE, GREY = (255, 255, 255), (226, 226, 226), (205, 205, 205)


def docs_pictures(folder: Path) -> None:
    """Write every picture into `folder`."""
    with tempfile.TemporaryDirectory() as work:
        samples = Path(work) / "samples"
        write_samples(samples)
        photographs = samples / DELIVERY
        _save(_before_after(photographs), folder / "before-after.webp")
        _save(_table(photographs, Path(work)), folder / "renditions.webp")
        for channel, (sample, rendition) in CHANNELS.items():
            pictures = [_photograph(photographs, sample), *_rendered(photographs, sample, [rendition], Path(work))]
            tiles = [_at_height(picture, 480) for picture in pictures]
            _save(_row(tiles, gap=20, border=20), folder / f"channel-{channel}.webp")


def _before_after(photographs: Path) -> Image.Image:
    """The photographs above, their cutouts on a checkerboard below."""
    before = [_at_height(_photograph(photographs, sample), 360) for sample in BEFORE_AFTER]
    cuts = [Image.fromarray(cutouts.cut(photographs / f"{sample}.jpg").rgba) for sample in BEFORE_AFTER]
    after = [_on_checkerboard(_at_height(cut, 360), square=12, dark=204, light=236) for cut in cuts]
    upper, lower = (_row(tiles, gap=6, ground=WHITE) for tiles in (before, after))
    both = Image.new("RGB", (upper.width, 726), WHITE)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, 366))
    return both


def _table(photographs: Path, work: Path) -> Image.Image:
    """A row for each sample: the photograph, then its renditions, each in a cell of 220 px."""
    rows = []
    for sample in ROWS:
        pictures = [_photograph(photographs, sample), *_rendered(photographs, sample, COLUMNS, work)]
        small = [ImageOps.contain(picture, (208, 208), Image.Resampling.LANCZOS) for picture in pictures]
        rows.append(
            [_on_checkerboard(one, square=8, dark=204, light=253) if one.mode == "RGBA" else one for one in small]
        )
    return _grid(rows, (220, 220), PALE)


def _photograph(photographs: Path, sample: str) -> Image.Image:
    return Image.open(photographs / f"{sample}.jpg").convert("RGB")


def _rendered(photographs: Path, sample: str, names: Sequence[str], work: Path) -> list[Image.Image]:
    renditions = renditions_named(names)
    targets = {one.name: work / one.name / f"{sample}{one.suffix}" for one in renditions}
    Renderer(renditions).render_file(photographs / f"{sample}.jpg", targets)
    return [Image.open(target) for target in targets.values()]


def _at_height(picture: Image.Image, height: int) -> Image.Image:
    return picture.resize((round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS)


def _on_checkerboard(picture: Image.Image, *, square: int, dark: int, light: int) -> Image.Image:
    rows, columns = np.indices((picture.height, picture.width)) // square
    board = Image.fromarray(np.where((rows + columns) % 2, dark, light).astype(np.uint8)).convert("RGB")
    board.paste(picture, mask=picture.getchannel("A"))
    return board


def _row(tiles: Sequence[Image.Image], *, gap: int, border: int = 0, ground: Colour = GREY) -> Image.Image:
    """Pictures of one height beside each other."""
    width = sum(tile.width for tile in tiles) + gap * (len(tiles) - 1) + 2 * border
    row = Image.new("RGB", (width, tiles[0].height + 2 * border), ground)
    left = border
    for tile in tiles:
        row.paste(tile, (left, border))
        left += tile.width + gap
    return row


def _grid(rows: Sequence[Sequence[Image.Image]], cell: tuple[int, int], ground: Colour) -> Image.Image:
    """Pictures in the middle of cells of one size (width, height)."""
    grid = Image.new("RGB", (cell[0] * len(rows[0]), cell[1] * len(rows)), ground)
    for y, row in enumerate(rows):
        for x, tile in enumerate(row):
            grid.paste(tile, (x * cell[0] + (cell[0] - tile.width) // 2, y * cell[1] + (cell[1] - tile.height) // 2))
    return grid


def _save(picture: Image.Image, file: Path) -> None:
    picture.save(file, quality=85, method=6)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/docs_pictures.py FOLDER")
    docs_pictures(Path(sys.argv[1]))
