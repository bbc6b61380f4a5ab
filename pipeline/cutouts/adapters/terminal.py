"""The door to the terminal: the command prints every line with `say`; `quiet_logs` sets up log lines.

File names, ids and messages of libraries come from strangers. Control characters in them are escaped, and secrets in
URLs are hidden.
"""

from __future__ import annotations

import logging

import click

from cutouts.core.text.display import printable, redacted


def say(text: object, *, err: bool = False, colour: str | None = None, label: str = "", lines: bool = False) -> None:
    """Write a line to stdout, or to stderr with `err`. With `lines`, the text may have several lines.

    `colour` applies to all of it, or only to `label`, which comes first, if there is one.
    """
    words = safe(str(text), lines=lines)
    if label:
        click.echo(f"{click.style(label.ljust(4), fg=colour)} {words}", err=err)
    else:
        click.secho(words, fg=colour, err=err)


def safe(text: str, *, lines: bool) -> str:
    """The text in a form that is safe for a terminal. Line feeds are escaped too, unless `lines` is set."""
    return printable(redacted(text), lines=lines)


class _Safe(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return safe(super().format(record), lines=True)


def quiet_logs() -> None:
    """Write warnings of libraries without their own log handler to stderr, in safe form."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Safe("%(message)s"))
    logging.lastResort = handler
