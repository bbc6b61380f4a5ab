"""`cutouts cut`: images in, PNGs out; no catalogue, no gate, and none of their libraries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from pathlib import Path

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.cutting import Done, Fate, NotWritten, Request, cut_one
from cutouts.cli.exit_status import Status
from cutouts.cli.progress import Tally
from cutouts.cli.targets import targets
from cutouts.core.errors import ImageRejected
from cutouts.stages import Job, job_of

_HARMLESS = ("note: ", "warning: ")
"""How a line begins that does not cost the exit status."""


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
    image, the recipe or what you ask for changed; a file that this command did not make is never replaced, and what it
    made is never taken for a photograph. A bad image is reported at the end and the others are cut; the exit status is
    then 1. Ctrl-C stops when the images in progress are done.

    \b
    cutouts cut shoe.jpg -o shoe.png
    cutouts cut photos -o cutouts --mask
    """
    where = targets(source, out)
    if not where.pairs:
        about = [f"looked for {', '.join(sorted(SUFFIXES))}", *filter(None, [where.ignored]), *where.closed]
        raise click.ClickException(f"there are no images in {source}: {'; '.join(about)}")
    requests = [Request(source=photograph, target=target, mask=mask) for photograph, target in where.pairs]
    job = job_of(load_site(config, **which), crop=crop, sources=[str(source.resolve())])
    problems = [f"not listed: {folder}" for folder in where.closed]
    with Tally("cut", len(requests)) as tally:
        stopped = _cut_all(job, requests, threads or os.cpu_count() or 1, tally, problems)
    _report(tally, where.ignored, problems)
    if stopped is not None:
        say(f"stopped after {tally.count} of {len(requests)} images: what is done is kept, run it again", err=True)
        raise stopped
    if any(not problem.startswith(_HARMLESS) for problem in problems):
        raise click.exceptions.Exit(Status.FAILED)


def _cut_all(
    job: Job, requests: Sequence[Request], threads: int, tally: Tally, problems: list[str]
) -> BaseException | None:
    """Cut every image; what a person should know of one of them is added to `problems` as a line.

    What stops the work is given back, once the images in progress are done: Ctrl-C, or an error that is about all of
    them.
    """
    todo = iter(requests)
    running: dict[Future[Done], Request] = {}
    pool = ThreadPoolExecutor(threads)

    def take(futures: Iterable[Future[Done]]) -> None:
        for future in futures:
            fate, lines = _told(running.pop(future), future)
            problems.extend(lines)
            tally.add(fate)

    stopped: BaseException | None = None
    try:
        while True:
            for request in islice(todo, 2 * threads - len(running)):
                running[pool.submit(cut_one, job, request)] = request
            if not running:
                break
            take(wait(running, return_when=FIRST_COMPLETED).done)
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 -- raised again when the images were reported
        stopped = error
        _finish(pool, by_hand=isinstance(error, KeyboardInterrupt))
        for future in [future for future in running if not future.cancelled()]:
            with suppress(Exception):
                take([future])
    else:
        pool.shutdown()
    return stopped


def _finish(pool: ThreadPoolExecutor, *, by_hand: bool) -> None:
    """Drop what is not begun and wait for the images in progress; a second Ctrl-C leaves them."""
    try:
        if by_hand:
            say("stopping when the images in progress are done; Ctrl-C again stops at once", err=True)
        pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        os._exit(Status.STOPPED)  # files are written whole or not at all


def _told(request: Request, future: Future[Done]) -> tuple[Fate, list[str]]:
    """What became of an image, and what a person should know of it. Raises what is not about this image alone."""
    try:
        done = future.result()
    except ImageRejected as error:
        return Fate.REJECTED, [f"rejected: {request.source}: {error}"]
    except NotWritten as error:
        return Fate.NOT_WRITTEN, [f"not written: {error}"]
    lines = [f"note: {request.source}: {done.notes}"] if done.notes else []
    if done.fate is Fate.EMPTY:
        lines.append(f"warning: {request.source}: nothing was found, its PNG is empty")
    return done.fate, lines


def _report(tally: Tally, ignored: str, problems: Sequence[str]) -> None:
    say(f"{tally.summary()}{f'; {ignored}' if ignored else ''}", err=True)
    for problem in sorted(problems):
        say(problem, colour="yellow" if problem.startswith(_HARMLESS) else "red", err=True)
