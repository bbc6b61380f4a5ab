"""`cutouts look`: shows cutouts of several networks side by side."""

from __future__ import annotations

from pathlib import Path

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import require_free
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.cli.console.progress import Tally
from cutouts.evaluation.contender_specs import contenders
from cutouts.evaluation.contenders import open_contender
from cutouts.evaluation.image_sets import Lost, questions
from cutouts.evaluation.side_by_side import Look, looks, write_looks


def _page(_: click.Context, parameter: click.Parameter, value: Path) -> Path:
    if value.suffix != ".html":
        raise click.BadParameter(f"{value}: expected a name that ends in .html", param=parameter)
    return value


@click.command()
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER")
@click.option(
    "--network", "networks", multiple=True, metavar="WHAT", help="A network to show.  [default: the site's model]"
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    callback=_page,
    default=Path("looks.html"),
    show_default=True,
    metavar="FILE",
)
@click.option("--limit", type=click.IntRange(1), help="Maximum number of images, spread evenly.")
@config_option
def look(images: Path, networks: tuple[str, ...], out: Path, limit: int | None, config: str | None) -> None:
    """Show cutouts of several networks side by side, when no mattes are known.

    Writes a page that opens offline, with each image of FOLDER and its cutout by every --network. Images on which the
    networks differ most come first. Networks are written as for `cutouts evaluate`.

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
                say(f"not cut: {one.name}: {one.problem}", colour="red", err=True)
    write_looks(out, found, f"{', '.join(opened)} on {images.name}")
    say(f"{out}: {tally.summary()}", err=True)
    if len(found) < count:
        raise click.exceptions.Exit(Status.FAILED)
