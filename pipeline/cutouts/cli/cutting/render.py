"""`cutouts render`: photographs or cutouts in, pictures for shops and marketplaces out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

import cutouts
from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.terminal import say
from cutouts.api.cutter import FileResult
from cutouts.api.renderer import Renderer
from cutouts.cli.console.options import config_option, existing_root, network_options
from cutouts.cli.cutting.many_files import threads_each, work_on
from cutouts.cli.cutting.render_site import render_site
from cutouts.cli.cutting.rendition_targets import rendition_targets
from cutouts.core.config import Site
from cutouts.core.renditions.rendition import Rendition
from cutouts.recipes import known_renditions, renditions_named
from cutouts.stages.rendering import check_grounds

_USAGE = "give a FILE or FOLDER, at least one --rendition, and --out; --list shows the renditions"
_STALE_USAGE = "--all-stale renders what a site holds: it takes no FILE and no --enlarge"


@click.command()
@click.argument("sources", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER...")
@click.option("-r", "--rendition", "names", multiple=True, metavar="NAME", help="One of --list; may be repeated.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder, or the file of one picture.")
@click.option("--recipes", type=click.Path(exists=True, dir_okay=False), help="A TOML file with your own renditions.")
@click.option("--list", "show", is_flag=True, help="List the renditions and stop.")
@click.option(
    "--all-stale",
    is_flag=True,
    help="Instead, render what is missing or stale on a site: --out, or that of the settings.",
)
@click.option("--enlarge", is_flag=True, help="Enlarge products that are too small.")
@network_options
@click.option("--threads", type=click.IntRange(1), help="Images at once.  [default: the cores]")
@config_option
def render(
    *,
    sources: tuple[Path, ...],
    names: tuple[str, ...],
    out: Path | None,
    recipes: str | None,
    show: bool,
    all_stale: bool,
    enlarge: bool,
    threads: int | None,
    config: str | None,
    **which: str | None,
) -> None:
    """Make pictures from photographs or cutouts, for example a white square JPEG for a marketplace.

    sub/a.jpg becomes OUT/NAME/sub/a.jpg for each rendition NAME. A photograph is cut out first; an image with
    transparent pixels, from this program or another, is used as it is. If a folder contains photographs, cutouts that
    this program made are left out. An existing picture is made again only if its image or its rendition changed.

    \b
    cutouts render shoe.jpg -r amazon-main -o pictures
    cutouts render photos -r amazon-main -r web-card -o pictures
    cutouts render --list

    With --all-stale, every live image of the site gets the renditions that the setting `renditions` names, if they are
    missing or stale. They are made from stored cutouts, without the network, and recorded in the catalogue.

    \b
    cutouts render --all-stale --out result
    """
    if show:
        _list(recipes)
    elif all_stale:
        if sources or enlarge:
            raise click.UsageError(_STALE_USAGE)
        root = existing_root(str(out) if out else None)
        render_site(cutouts.load_site(config, root=root, renditions=names or None, recipes=recipes, **which))
    elif sources and names and out:
        renditions = _chosen(names, recipes, enlarge=enlarge)
        _render_files(cutouts.load_site(config, **which), sources, out, renditions, threads)
    else:
        raise click.UsageError(_USAGE)


def _chosen(names: Sequence[str], recipes: str | None, *, enlarge: bool) -> tuple[Rendition, ...]:
    renditions = renditions_named(names, recipes)
    return tuple(one.model_copy(update={"enlarge": True}) for one in renditions) if enlarge else renditions


def _list(recipes: str | None) -> None:
    for name, one in sorted(known_renditions(recipes).items()):
        say(f"{name}: {one.words}")


def _render_files(
    site: Site, sources: Sequence[Path], out: Path, renditions: Sequence[Rendition], threads: int | None
) -> None:
    check_grounds(renditions, site.max_pixels)
    where = rendition_targets(sources, out, renditions)
    if not where.pairs:
        about = [f"looked for {', '.join(sorted(SUFFIXES))}", *filter(None, [where.ignored]), *where.closed]
        raise click.ClickException(f"there is nothing to render: {'; '.join(about)}")
    each = threads_each(where.pairs)
    renderers = {source: Renderer(renditions, site=site, inside=source, threads=each) for source in sources}
    work = [_Work(source=file, targets=targets, renderer=renderers[source]) for source, file, targets in where.pairs]
    work_on(work, "render", threads, ignored=where.ignored, closed=where.closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One image, and the file of each rendition by its name."""

    source: Path
    targets: Mapping[str, Path]
    renderer: Renderer

    def __call__(self) -> FileResult:
        return self.renderer.render_file(self.source, self.targets)
