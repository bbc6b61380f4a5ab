"""`cutouts models add`: adds your own network. Its graph answers some questions, a person the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.options import config_option
from cutouts.core.config import Site
from cutouts.core.errors import ModelError
from cutouts.core.text.files import text_of
from cutouts.models import (
    OWN_TABLE,
    ModelFile,
    ModelRow,
    contradiction,
    folder,
    own_rows,
    permit,
    read_file,
    rows,
    with_row,
)

if TYPE_CHECKING:
    from cutouts.adapters.model.graph import Graph

_ASKED = {
    "size": "Width and height of its input, like 1024x1024",
    "resize": "Are photographs stretched to that, or fitted in (letterbox)?",
    "mean": "Mean per channel that it was trained with, of 0…1 (0,0,0 for none)",
    "std": "Standard deviation per channel (1,1,1 for none)",
    "divide_by": "Divided first by 255, or by the image's own maximum (U²-Net)",
    "colour_space": "Colour space and channel order",
    "activation": "Is its output a probability, or a logit that still needs the sigmoid?",
    "licence": "Licence of the weights",
    "commercial": "Does the licence allow commercial use?",
    "about": "Where it comes from, and what it is good at",
}
_USUAL: dict[str, object] = {"resize": "stretch", "divide_by": "255", "colour_space": "rgb", "about": ""}
"""Answers that are used if nobody can be asked."""
_OPTIONS = {"commercial": "--commercial or --non-commercial"}
"""Options that are not spelled like the question."""
_CHOICES = {
    "resize": ["stretch", "letterbox"],
    "divide_by": ["255", "own maximum"],
    "colour_space": ["rgb", "bgr", "hsv", "lab"],
    "activation": ["probability", "logit"],
}


class _Numbers(click.ParamType[tuple[Any, ...]]):
    """Several numbers in one option: three separated by commas, or two separated by an x."""

    def __init__(self, name: str, separator: str, count: int, kind: type[int] | type[float]) -> None:
        self.name, self._separator, self._count, self._kind = name, separator, count, kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Parse the text, or fail with a usage error."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self._kind(part) for part in value.lower().split(self._separator))
        except ValueError:
            numbers = ()
        if len(numbers) != self._count:
            self.fail(f"{value!r}: expected {self.name}", param, ctx)
        return numbers


_SIZE = _Numbers("WIDTHxHEIGHT", "x", 2, int)
_COLOUR = _Numbers("R,G,B", ",", 3, float)
_TYPES: dict[str, Any] = {"size": _SIZE, "mean": _COLOUR, "std": _COLOUR, "commercial": bool}
_TYPES |= {"licence": str, "about": str}
_TYPES |= {name: click.Choice(choices) for name, choices in _CHOICES.items()}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="Its name in the table.  [default: the file's]")
@click.option("--size", type=_SIZE, help="Input size, if the graph does not fix it.")
@click.option("--resize", type=_TYPES["resize"], help=_ASKED["resize"])
@click.option("--mean", type=_COLOUR, help=_ASKED["mean"])
@click.option("--std", type=_COLOUR, help=_ASKED["std"])
@click.option("--divide-by", type=_TYPES["divide_by"], help=_ASKED["divide_by"])
@click.option("--colour-space", type=_TYPES["colour_space"], help="Colour space and channel order.  [default: rgb]")
@click.option("--output", type=click.IntRange(0), default=0, show_default=True, help="Which output, counted from 0.")
@click.option("--activation", type=_TYPES["activation"], help="What this output is, if the graph does not say.")
@click.option("--licence", help="Licence of the weights.")
@click.option("--commercial/--non-commercial", default=None, help="Whether it allows commercial use.")
@click.option("--about", help="Where it comes from, and what it is good at.")
@config_option
def add(file: Path, name: str | None, output: int, config: str | None, **given: Any) -> None:
    """Add the ONNX graph in FILE as a network of this site.

    The command reads from the graph: input size and type, the number of outputs, whether the last step is a sigmoid
    and, for known families, the normalisation. It asks for the rest, unless you give it as options. Then it opens the
    network, runs it once on a test image, copies it into the models folder, and writes its row into the table there.

    \b
    cutouts models add studio.onnx --mean 0.5,0.5,0.5 --std 1,1,1 --licence MIT --commercial
    cutouts cut photos -o pngs --model studio
    """
    from cutouts.adapters.model.graph import read_graph

    site = load_site(config)
    require_new(site, name or file.stem)
    read = read_file(file)
    graph = read_graph(read, output=output)
    known = {**_said(graph), **{key: value for key, value in given.items() if value is not None}}
    row = _row(read, name or file.stem, output, graph, _complete(known, graph))
    permit(row, allow_noncommercial=site.allow_noncommercial)
    _try(row, file, site)
    with placed(row.path(site.models), row, lambda: read.data):
        append_row(site, row)
    say(f"{row.name}: {row.path(site.models)}, its row is in {folder(site.models) / OWN_TABLE}")


@contextmanager
def placed(target: Path, row: ModelRow, data: Callable[[], bytes]) -> Iterator[None]:
    """Write the row's file to `target`, where no other file may be; remove it again if the block raises.

    A file that exists and has the row's digest stays. Raises ModelError if another file exists.
    """
    from cutouts.adapters.storage.atomic_files import write_file

    if target.is_symlink() or target.exists():
        if not target.is_file() or contradiction(target, row):
            raise ModelError(f"{target} exists and is a different file: give another --name, or move the file away")
        yield
        return
    write_file(target, data())
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def append_row(site: Site, row: ModelRow) -> None:
    """Write the row into the site's own table after opening the network. Raises ModelError if the row does not fit."""
    from cutouts.adapters.model import ModelChoice, Network
    from cutouts.adapters.storage.atomic_files import write_file

    require_new(site, row.name)
    Network(ModelChoice(row=row, models=site.models))
    table = (folder(site.models) / OWN_TABLE).resolve()
    text = text_of(table.read_bytes()) if table.is_file() else ""
    write_file(table, with_row(text, row).encode())


def require_nothing(target: Path) -> None:
    """Raise an error if a file has that name, or if it is not a name for a network."""
    if target.suffix != ".onnx":
        raise click.UsageError(f"{target}: expected a file name that ends in .onnx")
    if target.is_symlink() or target.exists():
        raise ModelError(f"{target} already exists: name another file, or move it away")


def require_new(site: Site, name: str) -> None:
    """Raise an error if the table already has the name."""
    if name in {one.name for one in (*rows(), *own_rows(site.models))}:
        table = folder(site.models) / OWN_TABLE
        raise click.ClickException(
            f"the model {name!r} already exists: choose another --name, or remove it from {table}"
        )


def _said(graph: Graph) -> dict[str, Any]:
    """The answers that the graph gives; those that are guesses are printed on stderr."""
    said: dict[str, Any] = {}
    if graph.width_px and graph.height_px:
        said["size"] = (graph.width_px, graph.height_px)
    if graph.activation:
        said["activation"] = graph.activation
    if family := graph.normalisation:
        said |= {"mean": family.mean, "std": family.std, "divide_by": family.divide_by}
        say(f"taken for a {family.family}: mean {family.mean}, std {family.std}, by {family.divide_by}", err=True)
    return said


def _complete(known: dict[str, Any], graph: Graph) -> dict[str, Any]:
    """`known` with every other question answered, by a person if there is a terminal."""
    float_only = {"mean", "std", "divide_by"} if graph.layout == "nhwc-uint8" else set()
    open_ = [key for key in _ASKED if key not in known and key not in float_only]
    if sys.stdin.isatty():
        asked = {key: click.prompt(_ASKED[key], type=_TYPES[key], default=_USUAL.get(key)) for key in open_}
        return {**known, **asked}
    missing = [_OPTIONS.get(key, f"--{key}") for key in open_ if key not in _USUAL]
    if missing:
        raise click.UsageError(f"missing options (not in the graph, and stdin is not a terminal): {', '.join(missing)}")
    return {**known, **{key: _USUAL[key] for key in open_}}


def _row(file: ModelFile, name: str, output: int, graph: Graph, answers: dict[str, Any]) -> ModelRow:
    width, height = answers.pop("size")
    facts = {
        "name": name,
        "file": f"{name}.onnx",
        "sha256": file.digest(),
        "bytes": len(file.data),
        "width_px": width,
        "height_px": height,
        "layout": graph.layout,
        "output": output,
        "outputs": graph.outputs,
        "output_layout": graph.output_layout,
    }
    try:
        return ModelRow.model_validate({**answers, **facts})
    except ValidationError as error:
        raise click.UsageError("; ".join(item["msg"] for item in error.errors())) from error


def _try(row: ModelRow, file: Path, site: Site) -> None:
    """Open the file and run it once. Raises ModelError if the row contradicts it."""
    from cutouts.adapters.model import ModelChoice, Network

    here = row.model_copy(update={"file": str(file.resolve())})
    Network(ModelChoice(row=here, models=site.models)).require_probability()
