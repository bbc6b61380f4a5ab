"""`cutouts cut`: images in, PNGs out, without the catalogue, the gate and their libraries."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

import cutouts
from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.terminal import say
from cutouts.api.cutter import Cutter, FileResult, Made
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.cli.console.progress import Tally
from cutouts.cli.cutting.targets import targets
from cutouts.core.errors import ImageRejected, OutputError
from cutouts.core.text.counting import counted

_HARMLESS = ("note: ", "warning: ")
"""The beginnings of lines that do not change the exit status."""


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path), metavar="IMAGE|FOLDER")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder, or one image's .png file.")
@click.option("--mask", is_flag=True, help="Write the matte as a grey PNG instead of the cutout.")
@click.option("--crop", is_flag=True, help="Crop to what was found.")
@click.option("--model", help="A name of the model table.  [default: the site's]")
@click.option(
    "--provider",
    type=click.Choice(["cpu", "cuda", "tensorrt"]),
    help="The one that is used; an error if it is not available.",
)
@click.option("--threads", type=click.IntRange(1), help="Images at once.  [default: the cores]")
@config_option
def cut(
    source: Path, out: Path, mask: bool, crop: bool, threads: int | None, config: str | None, **which: str | None
) -> None:
    """Cut out an IMAGE, or every image in FOLDER and the folders below it.

    sub/a.jpg becomes OUT/sub/a.png, with 8 bits per channel and the size of the photograph. An existing output is made
    again only if its image, the recipe or your options changed. A file that this command did not make is never
    replaced, and its outputs are never used as photographs. Bad images are listed at the end and the others are cut;
    the exit status is then 1. Ctrl-C stops when the images in progress are done.

    \b
    cutouts cut shoe.jpg -o shoe.png
    cutouts cut photos -o cutouts --mask
    """
    where = targets(source, out)
    if not where.pairs:
        about = [f"looked for {', '.join(sorted(SUFFIXES))}", *filter(None, [where.ignored]), *where.closed]
        raise click.ClickException(f"there are no images in {source}: {'; '.join(about)}")
    cutter = Cutter(crop=crop, site=cutouts.load_site(config, **which), inside=source)
    problems = [f"not listed: {folder}" for folder in where.closed]
    work = [_Work(source=photograph, target=target, mask=mask) for photograph, target in where.pairs]
    with Tally("cut", len(work)) as tally:
        stopped = _cut_all(cutter, work, threads or os.cpu_count() or 1, tally, problems)
    _report(tally, where.ignored, problems)
    if stopped is not None:
        say(
            f"stopped after {tally.count} of {counted(len(work), 'image')}: finished images are kept, run it again",
            err=True,
        )
        raise stopped
    if any(not problem.startswith(_HARMLESS) for problem in problems):
        raise click.exceptions.Exit(Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One image, the path of its PNG, and whether the PNG is the matte instead of the cutout."""

    source: Path
    target: Path
    mask: bool

    def __call__(self, cutter: Cutter) -> FileResult:
        return cutter.cut_file(self.source, self.target, mask=self.mask)


def _cut_all(
    cutter: Cutter, work: Sequence[_Work], threads: int, tally: Tally, problems: list[str]
) -> BaseException | None:
    """Cut every image, and add a line to `problems` for each image that a person should know about.

    Returns what stopped the work, once the images in progress are done: Ctrl-C, or an error that affects all images.
    """
    todo = iter(work)
    running: dict[Future[FileResult], _Work] = {}
    pool = ThreadPoolExecutor(threads)

    def take(futures: Iterable[Future[FileResult]]) -> None:
        for future in futures:
            fate, lines = _told(running.pop(future), future)
            problems.extend(lines)
            tally.add(fate)

    stopped: BaseException | None = None
    try:
        while True:
            for one in islice(todo, 2 * threads - len(running)):
                running[pool.submit(one, cutter)] = one
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
    """Cancel images that have not begun, and wait for those in progress; a second Ctrl-C abandons them."""
    try:
        if by_hand:
            say("stopping when the images in progress are done; Ctrl-C again stops at once", err=True)
        pool.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        os._exit(Status.STOPPED)  # files are written whole or not at all


def _told(work: _Work, future: Future[FileResult]) -> tuple[str, list[str]]:
    """The result of an image, and lines about it. Raises errors that do not concern this image alone."""
    try:
        done = future.result()
    except ImageRejected as error:
        return "rejected", [f"rejected: {work.source}: {error}"]
    except OutputError as error:
        return "not written", [f"not written: {error}"]
    lines = [f"note: {work.source}: {'; '.join(done.notes)}"] if done.notes else []
    if done.made is Made.EMPTY:
        lines.append(f"warning: {work.source}: nothing was found, its PNG is empty")
    return done.made, lines


def _report(tally: Tally, ignored: str, problems: Sequence[str]) -> None:
    say(f"{tally.summary()}{f'; {ignored}' if ignored else ''}", err=True)
    for problem in sorted(problems):
        say(problem, colour="yellow" if problem.startswith(_HARMLESS) else "red", err=True)
