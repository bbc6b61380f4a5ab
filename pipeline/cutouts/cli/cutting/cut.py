"""`cutouts cut`: images in, PNGs out, without the catalogue, the gate and their libraries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

import cutouts
from cutouts.adapters.images import SUFFIXES
from cutouts.api.cutter import Cutter, FileResult
from cutouts.cli.console.options import Sides, config_option, network_options, one_argument, product_box
from cutouts.cli.cutting.many_files import threads_each, work_on
from cutouts.cli.cutting.targets import targets


@click.command()
@one_argument("source", "IMAGE|FOLDER", click.Path(exists=True, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder, or one image's .png file.")
@click.option("--mask", is_flag=True, help="Write the matte as a grey PNG instead of the cutout.")
@click.option("--crop", is_flag=True, help="Crop to the product.")
@click.option("--box", callback=product_box, metavar="LEFT,TOP,RIGHT,BOTTOM", help="Where the product is (px).")
@network_options
@click.option("--threads", type=click.IntRange(1), help="Images at once.  [default: the cores]")
@config_option
def cut(
    source: Path,
    out: Path,
    mask: bool,
    crop: bool,
    box: Sides | None,
    threads: int | None,
    config: str | None,
    **which: str | None,
) -> None:
    """Cut out an IMAGE, or every image in FOLDER and the folders below it.

    sub/a.jpg becomes OUT/sub/a.png, with 8 bits per channel and the size of the photograph. An existing output is made
    again only if its image, the recipe or your options changed. A file that this command did not make is never
    replaced, and its outputs are never used as photographs. Rejected images are listed at the end, and the others are
    cut; the exit status is then 1. Ctrl-C stops when the images in progress are done.

    \b
    cutouts cut shoe.jpg -o shoe.png
    cutouts cut photos -o cutouts --mask
    cutouts cut table.jpg -o shoe.png --box 120,80,900,760
    """
    if box and source.is_dir():
        raise click.UsageError("--box is for one image; in a manifest, each image can have its own box")
    where = targets(source, out)
    if not where.pairs:
        about = [f"looked for {', '.join(sorted(SUFFIXES))}", *filter(None, [where.ignored]), *where.closed]
        raise click.ClickException(f"there are no images in {source}: {'; '.join(about)}")
    site = cutouts.load_site(config, **which)
    cutter = Cutter(crop=crop, site=site, inside=source, threads=threads_each(where.pairs))
    work = [_Work(source=one, target=target, mask=mask, box=box, cutter=cutter) for one, target in where.pairs]
    work_on(work, "cut", threads, ignored=where.ignored, closed=where.closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One image, the path of its PNG, whether the PNG is the matte instead of the cutout, and where the product is."""

    source: Path
    target: Path
    mask: bool
    box: Sides | None
    cutter: Cutter

    def __call__(self) -> FileResult:
        return self.cutter.cut_file(self.source, self.target, mask=self.mask, box=self.box)
