"""The work of a command on many files in threads: what becomes of each is counted and reported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Protocol

import click

from cutouts.adapters.terminal import say
from cutouts.api.cutter import FileResult, Made
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.progress import Tally
from cutouts.core.errors import ImageRejected, OutputError
from cutouts.core.text.counting import counted
from cutouts.runner.worker_setup import keep_freed_memory
from cutouts.stages.cores import machine_cores

_HARMLESS = ("note: ", "warning: ")
"""The beginnings of lines that do not change the exit status."""


class Work(Protocol):
    """The work on one file."""

    @property
    def source(self) -> Path:
        """The file that is read."""

    def __call__(self) -> FileResult:
        """Do the work. Raises ImageRejected or OutputError if it concerns this file alone."""


def threads_each(files: Sequence[object]) -> int | None:
    """The threads of the network for each of the files: one if there are several; otherwise `Cutter` chooses."""
    return 1 if len(files) > 1 else None


def work_on(work: Sequence[Work], name: str, threads: int | None, *, ignored: str, closed: Sequence[str]) -> None:
    """Do the work on every file, report what became of each, and end the command `name`.

    By default, as many `threads` as cores are used. `ignored` says which files were left out, `closed` are folders that
    could not be listed. Raises what stopped the work, or Exit if a file was not done.
    """
    keep_freed_memory()
    problems = [f"not listed: {folder}" for folder in closed]
    with Tally(name, len(work)) as tally:
        stopped = _work_all(work, threads or machine_cores(), tally, problems)
    _report(tally, ignored, problems)
    _end(tally, len(work), stopped, problems)


def _work_all(work: Sequence[Work], threads: int, tally: Tally, problems: list[str]) -> BaseException | None:
    """Do the work on every file, and add a line to `problems` for each image that a person should know about.

    Returns what stopped the work, once the images in progress are done: Ctrl-C, or an error that affects all images.
    """
    todo = iter(work)
    running: dict[Future[FileResult], Work] = {}
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
                running[pool.submit(one)] = one
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


def _told(work: Work, future: Future[FileResult]) -> tuple[str, list[str]]:
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
    """Say how many files were done, and everything that a person should know about single ones."""
    say(f"{tally.summary()}{f'; {ignored}' if ignored else ''}", err=True)
    for problem in sorted(problems):
        say(problem, colour="yellow" if problem.startswith(_HARMLESS) else "red", err=True)


def _end(tally: Tally, total: int, stopped: BaseException | None, problems: Sequence[str]) -> None:
    """End the command: raise what stopped it, or its exit status if a file was not done."""
    if stopped is not None:
        say(
            f"stopped after {tally.count} of {counted(total, 'image')}: finished images are kept, run it again",
            err=True,
        )
        raise stopped
    if any(not problem.startswith(_HARMLESS) for problem in problems):
        raise click.exceptions.Exit(Status.FAILED)
