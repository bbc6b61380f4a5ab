"""`cutouts evaluate`: mattes against known ones; `composites`: images with known ones; `look`: a comparison by eye."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from cutouts.adapters.settings import load_site
from cutouts.adapters.storage.ownership import require_free
from cutouts.adapters.storage.store import write_file
from cutouts.adapters.terminal import say
from cutouts.cli.progress import Tally
from cutouts.evaluation.composites import KINDS, Kind, Sources, open_sources, require_no_set, write_composites
from cutouts.evaluation.composites import composites as draw
from cutouts.evaluation.contender_specs import contenders
from cutouts.evaluation.contenders import Contender, open_contender
from cutouts.evaluation.image_sets import ImageSet, Lost, open_sets, questions
from cutouts.evaluation.measure import Evaluation
from cutouts.evaluation.measure import evaluate as measure
from cutouts.evaluation.per_image import SUFFIXES, write_rows
from cutouts.evaluation.side_by_side import Look, looks, write_looks
from cutouts.evaluation.summary import as_text, comparisons
from cutouts.evaluation.worst_images import WorstImages
from cutouts.metrics import METRICS

_PATH = click.Path(exists=True, path_type=Path)
_PATH_OUT = click.Path(path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_ROWS = "Figures of every image: .csv or .parquet.  [default: OUT/rows.csv]"


def _suffix(_: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in SUFFIXES:
        raise click.BadParameter(f"{value}: expected a name that ends in {' or '.join(SUFFIXES)}", param=parameter)
    return value


def _page(_: click.Context, parameter: click.Parameter, value: Path) -> Path:
    if value.suffix != ".html":
        raise click.BadParameter(f"{value}: expected a name that ends in .html", param=parameter)
    return value


_EXAMPLES = """
\b
Examples:
  cutouts evaluate --images photos --truth mattes
  cutouts evaluate --images photos --truth mattes --compare default default:bare
  cutouts evaluate --images sets/plain --images sets/busy --network default:bare --network u2netp=u2netp.onnx:rembg
"""


@click.command(epilog=_EXAMPLES)
@click.option("--images", multiple=True, required=True, type=_PATH, metavar="FOLDER|FILE", help="A set; repeatable.")
@click.option("--truth", multiple=True, type=_FOLDER, metavar="FOLDER", help="The truths of a folder of images.")
@click.option("--network", "networks", multiple=True, metavar="WHAT", help="To measure.  [default: the site's model]")
@click.option("--compare", nargs=2, metavar="A B", help="Test two against each other, image by image.")
@click.option("-o", "--out", type=_PATH_OUT, default=Path("evaluation"), show_default=True, metavar="FOLDER")
@click.option("--rows", type=_PATH_OUT, callback=_suffix, metavar="FILE", help=_ROWS)
@click.option("--worst", type=click.IntRange(0), default=30, show_default=True, help="Images on the contact sheet.")
@click.option("--by", type=click.Choice(METRICS), default="mae", show_default=True, help="What is worst there.")
@click.option("--limit", type=click.IntRange(1), help="Images of each set at the most, spread evenly.")
@click.option("--config", metavar="FILE", help="Settings.  [default: cutouts.toml, if it is there]")
def evaluate(
    images: tuple[Path, ...],
    truth: tuple[Path, ...],
    networks: tuple[str, ...],
    compare: tuple[str, str] | None,
    out: Path,
    limit: int | None,
    **how: Any,
) -> None:
    """Measure mattes against known ones: error, precision, recall, F1, IoU, boundary, structure, and more.

    A set of --images is a folder, whose truths are in --truth under the same names (grey pictures, or cutouts with
    alpha); a folder that has images/ and truth/; or a Parquet file with the columns name, image and mask (without
    mask: scenes without a product). Each is answered by every --network, spelled as

    \b
      NAME           of the model table, with the whole recipe: the matte that is published
      NAME=FILE      a network of ours that is in no table: uint8 [n, h, w, 3] in, probability out
      NAME=FOLDER    mattes that some other tool made already, under the names of the images
      …:bare         the network alone: its raw probability, enlarged
      …:rembg        U²-Net and its family as rembg runs them, stretch of the output and all

    Networks run on one CPU thread; their own CPU time is told too. Prints a summary; OUT gets it as summary.md, the
    figures of every image as rows.csv, and worst.html, a contact sheet of image, truth, matte and error. An image
    without a usable truth is listed, and the status is then 1.
    """
    site = load_site(how["config"])
    specs, pair = contenders(networks or (() if compare else (site.model,)), compare or ())
    rows = how["rows"] or out / "rows.csv"
    outputs = [rows, out / "summary.md", *([out / "worst.html"] if how["worst"] else [])]
    require_free(outputs, [*images, *(spec.path for spec in specs if spec.path)], table="evaluation")
    sets = open_sets(images, truth, limit=limit)
    opened = {spec.label: open_contender(spec, site) for spec in specs}
    sheet = WorstImages(next(iter(opened)), how["by"], how["worst"])
    evaluation = _measured(sets, opened, sheet)
    text = as_text(evaluation, comparisons(evaluation, pair), pair)
    _write(out, rows, text, evaluation, sheet if how["worst"] else None)
    _report(sets, evaluation)


def _measured(sets: list[ImageSet], opened: dict[str, Contender], sheet: WorstImages) -> Evaluation:
    with Tally("evaluate", sum(one.count for one in sets)) as tally:
        evaluation = measure(sets, opened, on_seen=sheet.offer, on_image=tally.add)
    say(tally.summary(), err=True)
    return evaluation


def _write(out: Path, rows: Path, text: str, evaluation: Evaluation, sheet: WorstImages | None) -> None:
    """Print the text and leave it in `out`, with the rows and the contact sheet, if there is to be one."""
    say(text, lines=True)
    write_file(out / "summary.md", text.encode())
    write_rows(rows, evaluation)
    if sheet is not None:
        sheet.write(out / "worst.html", f"{', '.join(evaluation.networks)} on {', '.join(evaluation.sets)}")
    say(f"written: {out}, {rows}", err=True)


def _report(sets: list[ImageSet], evaluation: Evaluation) -> None:
    """Everything that could not be measured; status 1 if there is such."""
    for one in sets:
        if one.unused:
            say(f"warning: {one.name}: truths without an image: {one.unused}", colour="yellow", err=True)
    for lost in evaluation.failed:
        by = f" by {lost.network}" if lost.network else ""
        say(f"not measured{by}: {lost.images}: {lost.name}: {lost.problem}", colour="red", err=True)
    if evaluation.failed:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("images", type=_FOLDER, metavar="FOLDER")
@click.option("--network", "networks", multiple=True, metavar="WHAT", help="To ask.  [default: the site's model]")
@click.option(
    "-o", "--out", type=_PATH_OUT, callback=_page, default=Path("looks.html"), show_default=True, metavar="FILE"
)
@click.option("--limit", type=click.IntRange(1), help="Images at the most, spread evenly.")
@click.option("--config", metavar="FILE", help="Settings.  [default: cutouts.toml, if it is there]")
def look(images: Path, networks: tuple[str, ...], out: Path, limit: int | None, config: str | None) -> None:
    """Lay cutouts of several networks side by side when nobody knows the truth.

    Writes a page that opens offline: each image of FOLDER and what every --network cuts out of it, those first about
    which they differ most. Networks are spelled as for `cutouts evaluate`.

    \b
    cutouts look photos --network default --network u2netp=u2netp.onnx:rembg -o looks.html
    """
    site = load_site(config)
    specs, _ = contenders(networks or (site.model,), ())
    require_free([out], [spec.path for spec in specs if spec.path])
    count, asked = questions(images, limit=limit)
    opened = {spec.label: open_contender(spec, site) for spec in specs}
    found: list[Look] = []
    with Tally("look", count) as tally:
        for one in looks(asked, opened):
            tally.add("failed" if isinstance(one, Lost) else "asked")
            if isinstance(one, Look):
                found.append(one)
            else:
                say(f"not asked: {one.name}: {one.problem}", colour="red", err=True)
    write_looks(out, found, f"{', '.join(opened)} on {images.name}")
    say(f"{out}: {tally.summary()}", err=True)
    if len(found) < count:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--products", type=_FILE, metavar="FILE", help="Cutouts: name, rgba_webp, touches_top, …")
@click.option("--backgrounds", type=_FILE, metavar="FILE", help="Scenes without a product: name, image.")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Gets a folder per kind."
)
@click.option(
    "--renders", type=_FOLDER, metavar="FOLDER", help="Tables of renders: name, model, image, alpha, coverage."
)
@click.option("--models", type=_FILE, metavar="FILE", help="What the rendered models are, CSV: name, category, source.")
@click.option(
    "--only",
    multiple=True,
    metavar="FOLD",
    help="source:NAME or kind:NAME: products and renders of these folds alone.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="May be repeated.  [default: all that the files allow]",
)
@click.option("--limit", type=click.IntRange(1), help="Images of each kind at the most, spread evenly.")
def composites(out: Path, kinds: tuple[Kind, ...], limit: int | None, **files: Any) -> None:
    """Make test images whose mattes are known exactly, by laying cutouts over scenes with a fixed seed.

    plain: one colour; shaded: light that falls off, and the product's shadow; busy: real BACKGROUNDS; empty: the
    BACKGROUNDS by themselves; boxes: rectangles of one colour on white, which need no file; rendered: RENDERS of 3D
    models on their own ground. Each kind becomes OUT/KIND/images and OUT/KIND/truth, lossless PNGs, the same pixels at
    every call, which `cutouts evaluate --images OUT/KIND` takes.

    --only makes sets of what a training left out by --leave-out.

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
    """All kinds; without renders none of them, with folds none that holds no product."""
    without = {*(() if sources.renders else ("rendered",)), *(("empty", "boxes") if sources.only else ())}
    return [kind for kind in KINDS if kind not in without]
