"""The command `cutouts` called in this process: what it imports, it imports only once."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from cutouts.adapters.terminal import say
from cutouts.cli import cli
from cutouts.cli.console.exit_status import ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command that has ended leaves behind."""

    returncode: int | str | None
    stdout: str
    stderr: str


def cutouts(*arguments: object, where: Path | None = None, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command in a folder, with the serial cluster unless `CUTOUTS_CLUSTER` says otherwise."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as surroundings, redirect_stdout(out), redirect_stderr(err):
        surroundings.chdir(where or Path.cwd())
        for name, value in {"CUTOUTS_CLUSTER": "serial", **(environment or {})}.items():
            surroundings.setenv(name, value)
        end = ending(lambda: cli.main([*map(str, arguments)], prog_name="cutouts", standalone_mode=False))
        if end.words:
            say(end.words, err=True, lines=True)
    return Done(returncode=end.status, stdout=out.getvalue(), stderr=err.getvalue())
