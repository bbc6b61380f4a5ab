"""`cutouts models` in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from cutouts.cli import cli
from cutouts.core.errors import CutoutsError

LICENCE = ("--licence", "MIT", "--commercial")


def run(*arguments: object) -> Result:
    """Run `cutouts models`; an expected error gives its text and status 1."""
    try:
        return CliRunner().invoke(cli, ["models", *map(str, arguments)], catch_exceptions=False)
    except CutoutsError as error:
        return Result(CliRunner(), str(error).encode(), b"", str(error).encode(), None, 1, error)
