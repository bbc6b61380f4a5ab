"""Where the code of each command is."""

from __future__ import annotations

from pathlib import Path

import click

import cutouts.cli
from cutouts.cli import cli

WINGS = Path(cutouts.cli.__file__).parent


def test_every_command_has_a_module_of_its_name() -> None:
    """`cutouts NAME` is NAME.py in exactly one of the folders."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.callback is not None
        assert len(list(WINGS.glob(f"*/{name}.py"))) == 1
        assert command.callback.__module__.rpartition(".")[2] == name
