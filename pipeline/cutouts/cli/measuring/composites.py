"""`cutouts composites`: makes test images whose mattes are known exactly."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from cutouts.adapters.terminal import say
from cutouts.cli.console.progress import Tally
from cutouts.evaluation.composites import KINDS, Kind, Sources, open_sources, require_no_set, write_composites
from cutouts.evaluation.composites import composites as draw

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--products", type=_FILE, metavar="FILE", help="Cutouts: name, rgba_webp, touches_top, …")
@click.option("--backgrounds", type=_FILE, metavar="FILE", help="Scenes without a product: name, image.")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder to write to, with one folder per kind.",
)
@click.option(
    "--renders", type=_FOLDER, metavar="FOLDER", help="Tables of renders: name, model, image, alpha, coverage."
)
@click.option("--models", type=_FILE, metavar="FILE", help="The rendered models, as CSV: name, category, source.")
@click.option(
    "--only",
    multiple=True,
    metavar="FOLD",
    help="Only products and renders of this fold: source:NAME or kind:NAME.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="May be repeated.  [default: all that the files allow]",
)
@click.option("--limit", type=click.IntRange(1), help="Maximum number of images of each kind, spread evenly.")
def composites(out: Path, kinds: tuple[Kind, ...], limit: int | None, **files: Any) -> None:
    """Make test images whose mattes are known exactly, by placing cutouts on backgrounds with a fixed seed.

    \b
    plain     one colour
    shaded    light that falls off, and the product's shadow
    busy      real BACKGROUNDS
    empty     only the BACKGROUNDS
    boxes     rectangles of one colour on white; these need no file
    rendered  RENDERS of 3D models on their own background

    Each kind is written to OUT/KIND/images and OUT/KIND/truth as lossless PNGs, with the same pixels at every call.
    `cutouts evaluate --images OUT/KIND` reads them. --only makes sets from what a training left out with --leave-out.

    \b
    cutouts composites --products products-test.parquet --backgrounds backgrounds-test.parquet -o sets
    cutouts evaluate --images sets/plain --images sets/shaded --images sets/busy --images sets/empty
    cutouts composites --kind boxes -o sets
    cutouts composites --products products-train.parquet --only kind:bags --kind plain --kind shaded -o sets/bags
    """
    sources = open_sources(**files)
    asked = kinds or _possible(sources)
    for kind in asked:
        require_no_set(out / kind)
    for kind in asked:
        drawing = draw(sources, kind, limit)
        with Tally(kind, drawing.count) as tally:
            write_composites(drawing, out / kind, on_image=partial(tally.add, "made"))
        say(f"{out / kind}: {tally.summary()}", err=True)


def _possible(sources: Sources) -> list[Kind]:
    """All kinds that can be made: `rendered` needs renders, and `empty` and `boxes` have no folds."""
    without = {*(() if sources.renders else ("rendered",)), *(("empty", "boxes") if sources.only else ())}
    return [kind for kind in KINDS if kind not in without]
