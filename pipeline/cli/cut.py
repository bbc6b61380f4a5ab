"""`cutouts cut`: images in, PNGs out; no catalogue, no gate, and none of their libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from pipeline.adapters.images import SUFFIXES
from pipeline.adapters.settings import load_site
from pipeline.adapters.storage.sources import image_files
from pipeline.adapters.terminal import say
from pipeline.cli.cutting import Fate, Request, cut_one
from pipeline.cli.progress import Tally
from pipeline.core.errors import ImageRejected
from pipeline.core.naming import png_names
from pipeline.stages import Job, job_of


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="IMAGE|FOLDER")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder, or one image's .png file.")
@click.option("--mask", is_flag=True, help="Write the matte as a grey PNG instead of the cutout.")
@click.option("--crop", is_flag=True, help="Crop to what was found.")
@click.option("--model", help="A name of the model table.  [default: the site's]")
@click.option("--provider", type=click.Choice(["cpu", "cuda", "tensorrt"]), help="What to run on; that, or an error.")
@click.option("--threads", type=click.IntRange(1), help="Images at once.  [default: the cores]")
@click.option("--config", metavar="FILE", help="Settings.  [default: cutouts.toml, if it is there]")
def cut(
    source: Path, out: Path, mask: bool, crop: bool, threads: int | None, config: str | None, **which: str | None
) -> None:
    """Cut out an IMAGE, or every image of a FOLDER and the folders below it.

    sub/a.jpg becomes OUT/sub/a.png: 8 bit, at the source's size. An output that exists is made again only if its
    image, the recipe or what you ask for changed. A bad image is reported at the end and the others are cut; the exit
    status is then 1.

    \b
    cutouts cut shoe.jpg -o shoe.png
    cutouts cut photos -o cutouts --mask
    """
    requests, ignored = _requests(source, out, mask=mask)
    if not requests:
        raise click.ClickException(f"there are no images in {source}: looked for {', '.join(sorted(SUFFIXES))}")
    job = job_of(load_site(config, **which), crop=crop, sources=[str(source.resolve())])
    with Tally("cut", len(requests)) as tally, ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        problems = [*_cut_all(job, requests, pool, tally)]
    _report(tally, ignored, problems)


def _cut_all(job: Job, requests: Sequence[Request], pool: ThreadPoolExecutor, tally: Tally) -> Iterator[str]:
    """Cut every image; what a person should know of one of them comes back as a line."""
    for request, future in [(request, pool.submit(cut_one, job, request)) for request in requests]:
        try:
            fate = future.result()
        except ImageRejected as error:
            fate = Fate.REJECTED
            yield f"rejected: {request.source}: {error}"
        if fate is Fate.EMPTY:
            yield f"warning: {request.source}: nothing was found, its PNG is empty"
        tally.add(fate)


def _report(tally: Tally, ignored: int, problems: Sequence[str]) -> None:
    say(f"{tally.summary()}{f'; {ignored} other files ignored' if ignored else ''}", err=True)
    for problem in problems:
        say(problem, colour="yellow" if problem.startswith("warning") else "red", err=True)
    if any(problem.startswith("rejected") for problem in problems):
        raise click.exceptions.Exit(1)


def _requests(source: Path, out: Path, *, mask: bool) -> tuple[list[Request], int]:
    """What to do, and how many files without an image suffix were passed over."""
    if source.is_file():
        target = out if out.suffix.lower() == ".png" and not out.is_dir() else out / f"{source.stem}.png"
        return [Request(source=source, target=target, mask=mask)], 0
    if out.suffix.lower() == ".png" and not out.is_dir():
        raise click.UsageError(f"{source} is a folder, so --out has to be one too")
    images = [path.relative_to(source) for path in image_files(source, SUFFIXES, without=out.resolve())]
    names = png_names([path.as_posix() for path in images])
    requests = [Request(source=source / path, target=out / names[path.as_posix()], mask=mask) for path in images]
    return requests, _other_files(source, out) - len(images)


def _other_files(folder: Path, out: Path) -> int:
    return sum(len(names) for _, names in _walk(folder, out.resolve()))


def _walk(folder: Path, without: Path) -> Iterator[tuple[str, list[str]]]:
    for parent, children, names in os.walk(folder):
        children[:] = [child for child in children if (Path(parent) / child).resolve() != without]
        yield parent, names
