"""The command `cutouts`. Subcommands are imported when they are called, so `--help` answers at once."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from cutouts.cli.console.exit_status import Status, ended, nobody_reads
from cutouts.core.errors import StorageError

_COMMANDS = {
    "run": ("running", "Cut out, judge and publish a folder or a manifest."),
    "cut": ("cutting", "Only cut out an image or a folder: no catalogue and no gate."),
    "render": ("cutting", "Make pictures for shops and marketplaces from photographs or cutouts."),
    "serve": ("cutting", "Cut single images over HTTP, as they arrive."),
    "manifest": ("running", "Make a manifest from a folder of images."),
    "plan": ("running", "Step 1: plan one delivery of a manifest."),
    "segment": ("running", "Step 2: cut the shards of a plan."),
    "gate": ("running", "Step 3: judge a delivery whose shards are cut; calibrate the gate."),
    "publish": ("running", "Step 4: publish what the gate let through; release or reject a held delivery."),
    "backfill": ("running", "Process older deliveries again, within a budget."),
    "upgrade": ("running", "Upgrade live images to another network, the most doubtful first."),
    "requeue": ("running", "Try quarantined images once more with another network."),
    "catalog": ("upkeep", "Show the history of the catalogue, export it, or roll it back."),
    "export": ("upkeep", "Write the feed of a sales channel: the pictures that it may show."),
    "withdraw": ("upkeep", "Take images out of the catalogue: by delivery, product or image."),
    "forget": ("upkeep", "Remove images for good, by delivery, product or image."),
    "gc": ("upkeep", "Remove files that nothing refers to any more."),
    "holds": ("upkeep", "List the deliveries that wait for a person."),
    "status": ("upkeep", "Show what is live on a site, what waits, and how far its work is."),
    "explain": ("upkeep", "Show where an image in the catalogue comes from, or why it is not there."),
    "verify": ("upkeep", "Check that a site's data is intact, and repair it."),
    "models": ("networks", "List, download, add, check and convert networks."),
    "doctor": ("upkeep", "Show what this machine has, and what is missing."),
    "certificates": ("upkeep", "Make certificates for your own Dask cluster."),
    "train": ("networks", "Train the shipped network, or continue a training."),
    "evaluate": ("measuring", "Measure mattes against known ones; compare two networks."),
    "composites": ("measuring", "Make test images whose mattes are known exactly."),
    "check": ("measuring", "Check finished files against the rules of a marketplace."),
    "look": ("measuring", "Show cutouts of several networks side by side."),
    "bench": ("measuring", "Measure images per second, by stage, workers and batch size."),
}
"""Each command's wing and what it does. The command NAME is the function NAME in `cutouts.cli.WING.NAME`."""


class _Lazy(click.Group):
    """A group whose commands are imported only when they run or show their help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        wing, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"cutouts.cli.{wing}.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command. If nobody reads its output any more, as after `| head`, it ends without a message."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if not nobody_reads(sys.stdout, sys.stderr):
                raise StorageError(f"a connection was lost: {error}") from error
            raise SystemExit(Status.NOBODY_READS) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cutouts")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, for a bug report.")
def cli(debug: bool) -> None:
    """Remove the backgrounds of product photographs.

    \b
    One photograph:            cutouts cut shoe.jpg -o shoe.png
    A folder, judged as well:  cutouts run photos --out result
    What this machine has:     cutouts doctor

    Settings are read from ~/.cutouts/cutouts.toml, then from --config FILE (by default cutouts.toml in the working
    folder), then from CUTOUTS_* in the environment. A file that was only found in the working folder may not choose
    where code comes from or where results go.
    """


def main() -> NoReturn:
    """Run the command; `cutouts.cli.console.exit_status` says how it ends."""
    os.environ["PYTHONSAFEPATH"] = "1"  # else processes that we start import what is in the working folder
    ended(lambda: cli.main(standalone_mode=False))
