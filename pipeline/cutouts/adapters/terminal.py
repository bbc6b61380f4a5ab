"""The door to the terminal: every line of the command leaves through `say`, every log line through `quiet_logs`.

Names of files, ids and messages of libraries come from strangers: what steers a terminal is shown escaped, and secrets
in URLs are hidden.
"""

from __future__ import annotations

import logging

import click

from cutouts.core.text.display import printable, redacted


def say(text: object, *, err: bool = False, colour: str | None = None, label: str = "", lines: bool = False) -> None:
    """Write one line to stdout, or to stderr with `err`; with `lines`, text that has several of its own.

    `colour` colours all of it, or only `label`, which leads it.
    """
    words = safe(str(text), lines=lines)
    if label:
        click.echo(f"{click.style(label.ljust(4), fg=colour)} {words}", err=err)
    else:
        click.secho(words, fg=colour, err=err)


def safe(text: str, *, lines: bool) -> str:
    """The text as a terminal may get it; line feeds are escaped too, or kept with `lines`."""
    return printable(redacted(text), lines=lines)


class _Safe(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return safe(super().format(record), lines=True)


def quiet_logs() -> None:
    """Warnings of libraries that have no handler of their own still go to stderr, but safe."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Safe("%(message)s"))
    logging.lastResort = handler
