"""Progress for people: a bar with rate, ETA and counts on a terminal, otherwise a line from time to time."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from cutouts.adapters.terminal import say
from cutouts.core.text.counting import counted

_EVERY_SECONDS = 15.0
"""How often a line is written if there is no terminal (s)."""


@contextmanager
def told_on_stderr(logger: str = "cutouts") -> Iterator[None]:
    """Write what is logged inside this block to stderr, one line each: by all steps, or only by `logger`."""
    log, handler = logging.getLogger(logger), _Said()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)


class _Said(logging.Handler):
    """Writes above a progress bar, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), err=True)


class Tally:
    """Counts images, or what `of` says, by result and shows progress on stderr.

    After Ctrl-C it says how many were done, and how to continue (`again`).
    """

    def __init__(self, doing: str, total: int, *, again: str = "", of: str = "image") -> None:
        self._doing, self._total, self._of = doing, total, of
        self._again = f"; {again}" if again else ""
        self._counts: Counter[str] = Counter()
        self._began = self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Tally:
        if sys.stderr.isatty() and self._total > 1:
            self._bar, self._task = _bar(self._doing, self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            say(f"{self._doing}: stopped after {self.count} of {counted(self._total, self._of)}{self._again}", err=True)

    def add(self, fate: str, images: int = 1) -> None:
        """Count images with this result."""
        self._counts[str(fate)] += images
        if self._bar is not None:
            self._bar.update(self._task, completed=self._counts.total(), counts=self._words(), rate=self._rate())
        elif time.monotonic() - self._told > _EVERY_SECONDS:
            self._told = time.monotonic()
            line = f"{self._doing}: {self._counts.total()}/{self._total}, {self._rate()}, {self._words()}"
            say(line, err=True)

    @property
    def count(self) -> int:
        """The number of images counted so far."""
        return self._counts.total()

    def summary(self) -> str:
        """One line: number of images, counts by result, and speed."""
        seconds = time.monotonic() - self._began
        return f"{counted(self.count, self._of)} in {seconds:.1f} s ({self._rate()}): {self._words()}"

    def _words(self) -> str:
        return ", ".join(f"{count} {fate}" for fate, count in sorted(self._counts.items()))

    def _rate(self) -> str:
        return f"{self._counts.total() / max(time.monotonic() - self._began, 1e-3):.1f}/s"


def tally_of_run(doing: str, total: int) -> Tally:
    """The tally of a phase of a run, for `cutouts.core.progress.Progress`. What was cut is kept if it is stopped."""
    return Tally(doing, total, again="finished shards are kept, run it again" if doing.startswith("cutting") else "")


class Transfer:
    """Shows the progress of a download on stderr."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Transfer:
        if sys.stderr.isatty():
            self._bar, self._task = _bytes_bar(self._name)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, there: int, whole: int | None) -> None:
        """`there` bytes have arrived, of `whole` if that is known."""
        if self._bar is not None:
            self._bar.update(self._task, completed=there, total=whole)
        elif time.monotonic() - self._told > _EVERY_SECONDS:
            self._told = time.monotonic()
            of = f" of {whole / 1e6:.0f}" if whole else ""
            say(f"{self._name}: {there / 1e6:.0f}{of} MB", err=True)


def _bytes_bar(name: str) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    return bar, bar.add_task(name, total=None)


def _bar(doing: str, total: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
        console=Console(stderr=True),
    )
    return bar, bar.add_task(doing, total=total, counts="", rate="")
