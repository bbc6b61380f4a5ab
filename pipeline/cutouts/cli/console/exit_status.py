"""How a command ends: a message that says what is wrong and what to do, and an exit status by type of error."""

from __future__ import annotations

import atexit
import io
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import IO, NoReturn

import click

from cutouts.adapters.terminal import quiet_logs, say
from cutouts.core.advice import advice
from cutouts.core.errors import CutoutsError, TransientError


class Status(IntEnum):
    """The exit statuses of every command; `docs/command-line.md` has the same table."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    HELD = 3
    BUG = 70
    TRY_AGAIN = 75
    STOPPED = 130
    NOBODY_READS = 141
    TERMINATED = 143


def words_of(error: BaseException) -> str:
    """The error as text: one line, unless it lists several problems."""
    if isinstance(error, CutoutsError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory: use fewer --threads or --workers, or lower max_pixels"
    if isinstance(error, OSError) and error.errno:
        place = f"{error.filename}: " if error.filename is not None else ""
        return f"{place}{os.strerror(error.errno)}; {advice(error)}"
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    told = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return f"{told} (this is a bug: please report it with the output of `cutouts --debug …`)"


def status_of(error: BaseException) -> Status:
    """The exit status for an error."""
    if isinstance(error, TransientError):
        return Status.TRY_AGAIN
    expected = isinstance(error, CutoutsError | MemoryError) or (isinstance(error, OSError) and bool(error.errno))
    return Status.FAILED if expected else Status.BUG


def ended(call: Callable[[], object]) -> NoReturn:
    """Run a click command, not in its standalone mode, and end this process as this module describes."""
    sys.stdout, sys.stderr = (stream or _nowhere() for stream in (sys.stdout, sys.stderr))
    quiet_logs()
    signal.signal(signal.SIGTERM, _terminated)
    sys.unraisablehook = _once_more(sys.unraisablehook)
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)  # from there on the interpreter would die of Ctrl-C
    try:
        _leave(ending(call))
    except KeyboardInterrupt:  # once more, before the last words of the first time
        _leave(Ending(status=Status.STOPPED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ended: its exit status and its last words."""

    status: int | str | None
    words: str = ""
    colour: str | None = None


def ending(call: Callable[[], object]) -> Ending:
    """Call a click command, not in its standalone mode. Only Ctrl-C is not caught."""
    try:
        status = call()
        sys.stdout.flush()
    except click.exceptions.Abort:
        return Ending(status=Status.STOPPED, words="Stopped.")
    except click.ClickException as error:
        words = io.StringIO()
        error.show(words)  # it repeats names of files
        return Ending(status=error.exit_code, words=words.getvalue().rstrip())
    except SystemExit as error:
        return Ending(status=error.code, words="Terminated." if error.code == Status.TERMINATED else "")
    except Exception as error:  # noqa: BLE001 -- the last border: a traceback helps nobody who did not ask for it
        if "--debug" in sys.argv[1:2]:
            traceback.print_exception(error)
        return Ending(status=status_of(error), words=words_of(error), colour="red")
    return Ending(status=status if isinstance(status, int) else Status.DONE)


def nobody_reads(*streams: IO[str]) -> bool:
    """Whether one of these streams is a pipe whose reader is gone."""
    poll = select.poll()
    for stream in streams:
        poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _leave(end: Ending) -> NoReturn:
    """End this process with these words and this status. Output that cannot be written is dropped.

    Ctrl-C during this ends the process at once, with the same status.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(end.status if isinstance(end.status, int) else Status.FAILED))
    if end.words and not nobody_reads(sys.stderr):
        say(end.words, colour=end.colour, err=True, lines=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(end.status)


def _nowhere() -> IO[str]:
    """A stream for a descriptor that the parent process closed."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _once_more(hook: Callable[[sys.UnraisableHookArgs], object]) -> Callable[[sys.UnraisableHookArgs], object]:
    """A hook for exceptions that Python drops, as in a `__del__`: if one was a signal, the signal is sent again."""

    def dropped(what: sys.UnraisableHookArgs) -> None:
        lost = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}.get(what.exc_type)
        if lost is None:
            hook(what)
            return
        again = threading.Timer(_MOMENT, os.kill, (os.getpid(), lost))
        again.daemon = True
        again.start()

    return dropped


_MOMENT = 0.05
"""Delay before a lost signal is sent again (s): by then, the code that dropped it has ended."""


def _terminated(_signal: int, _frame: object) -> NoReturn:
    """On SIGTERM, close what is open, as on Ctrl-C."""
    raise SystemExit(Status.TERMINATED)
