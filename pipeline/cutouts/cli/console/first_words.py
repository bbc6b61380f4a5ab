"""Commands in whose place the first word may name another one, like `cutouts gate check` beside `cutouts gate PLAN`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import click


class FirstWordCommand(click.Command):
    """A command; if its first word is a key of `others`, that command is called instead.

    `others` are the wings of commands: NAME is the function NAME in `cutouts.cli.WING.COMMAND_NAME`, which is imported
    only when it is called.
    """

    others: ClassVar[Mapping[str, str]] = {}

    def other(self, word: str) -> click.Command | None:
        """The command that the first word means, None if it means this one."""
        if word not in self.others:
            return None
        found: click.Command = getattr(import_module(f"cutouts.cli.{self.others[word]}.{self.name}_{word}"), word)
        return found

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """That of the command that the first word means."""
        if args and (found := self.other(args[0])):
            return found.make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command that the context was made for."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)
