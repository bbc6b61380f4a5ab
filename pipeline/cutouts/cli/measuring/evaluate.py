"""`cutouts evaluate`: measures mattes against known ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import require_free, write_ours
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.cli.console.progress import Tally
from cutouts.evaluation.contender_specs import contenders
from cutouts.evaluation.contenders import Contender, open_contender
from cutouts.evaluation.image_sets import ImageSet, open_sets, unused_truths
from cutouts.evaluation.measure import Evaluation
from cutouts.evaluation.measure import evaluate as measure
from cutouts.evaluation.per_image import SUFFIXES, write_rows
from cutouts.evaluation.summary import as_text, comparisons
from cutouts.evaluation.worst_images import WorstImages
from cutouts.metrics import METRICS

_PATH = click.Path(exists=True, path_type=Path)
_PATH_OUT = click.Path(path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_ROWS = "Figures of every image: .csv or .parquet.  [default: OUT/rows.csv]"


def _suffix(_: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in SUFFIXES:
        raise click.BadParameter(f"{value}: expected a name that ends in {' or '.join(SUFFIXES)}", param=parameter)
    return value


_EXAMPLES = """
\b
Examples:
  cutouts evaluate --images photos --truth mattes
  cutouts evaluate --images photos --truth mattes --compare default default:bare
  cutouts evaluate --images sets/plain --images sets/busy --network default:bare --network u2netp=u2netp.onnx:rembg
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--images",
    multiple=True,
    required=True,
    type=_PATH,
    metavar="FOLDER|FILE",
    help="A set of images; may be repeated.",
)
@click.option("--truth", multiple=True, type=_FOLDER, metavar="FOLDER", help="The known mattes of a folder of images.")
@click.option(
    "--network", "networks", multiple=True, metavar="WHAT", help="A network to measure.  [default: the site's model]"
)
@click.option("--compare", nargs=2, metavar="A B", help="Compare two networks, image by image.")
@click.option("-o", "--out", type=_PATH_OUT, default=Path("evaluation"), show_default=True, metavar="FOLDER")
@click.option("--rows", type=_PATH_OUT, callback=_suffix, metavar="FILE", help=_ROWS)
@click.option(
    "--worst", type=click.IntRange(0), default=30, show_default=True, help="Number of images on the contact sheet."
)
@click.option(
    "--by",
    type=click.Choice(METRICS),
    default="mae",
    show_default=True,
    help="The metric that ranks the contact sheet.",
)
@click.option("--limit", type=click.IntRange(1), help="Maximum number of images of each set, spread evenly.")
@config_option
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

    A set of --images is a folder whose known mattes are in --truth under the same names (grey pictures, or cutouts with
    alpha), a folder that has images/ and truth/, or a Parquet file with the columns name, image and mask (without mask:
    scenes without a product). Every --network processes every set. It is written as

    \b
      NAME           a row of the model table, with refinement: the matte that is published
      NAME=FILE      one of our networks that is in no table: uint8 [n, h, w, 3] in, probability out
      NAME=FOLDER    mattes that another tool has made, under the names of the images
      …:bare         only the network: its raw probability, enlarged
      …:rembg        U²-Net and its family as rembg runs them, including its stretching of the output

    Networks run on one CPU thread, and their CPU time is reported. The command prints a summary and writes it to
    OUT/summary.md, the figures of every image to OUT/rows.csv, and a contact sheet of image, known matte, matte and
    error to OUT/worst.html. Images without a usable known matte are listed, and the exit status is then 1.
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
    """Print the text and write it to `out`, with the rows and, if wanted, the contact sheet."""
    say(text, lines=True)
    write_ours(out / "summary.md", text.encode())
    write_rows(rows, evaluation)
    if sheet is not None:
        sheet.write(out / "worst.html", f"{', '.join(evaluation.networks)} on {', '.join(evaluation.sets)}")
    say(f"written: {out}, {rows}", err=True)


def _report(sets: list[ImageSet], evaluation: Evaluation) -> None:
    """Report everything that could not be measured; the exit status is then 1."""
    for words in unused_truths(sets):
        say(f"warning: {words}", colour="yellow", err=True)
    for lost in evaluation.failed:
        by = f" by {lost.network}" if lost.network else ""
        say(f"not measured{by}: {lost.images}: {lost.name}: {lost.problem}", colour="red", err=True)
    if evaluation.failed:
        raise click.exceptions.Exit(Status.FAILED)
