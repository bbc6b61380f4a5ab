"""`cutouts check`: finished files against the rules of a channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.core.channels.figures import FileFigures
from cutouts.core.errors import ImageRejected
from cutouts.core.text.counting import counted


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER...")
@click.option("--channel", metavar="NAME", help="One of --list.")
@click.option("--list", "show", is_flag=True, help="List the channels and their rules, and end.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Rules of this day.  [default: today]")
@click.option("--white-tolerance", type=click.IntRange(0, 254), help="Levels below 255 that count as white.")
@config_option
def check(
    *,
    files: tuple[Path, ...],
    channel: str | None,
    show: bool,
    day: datetime | None,
    white_tolerance: int | None,
    config: str | None,
) -> None:
    """Check finished files against the rules of a channel: each FILE, or every picture in FOLDER.

    A line for each broken rule says which one, the figure of the file, what is allowed, and the worst pixel. The exit
    status is 1 if a file breaks a rule, or cannot be read; warnings do not count.

    \b
    cutouts check pictures/amazon-main --channel amazon
    cutouts check --list
    """
    from cutouts.adapters.quality.channels import channel_named, violations

    if show:
        _say_rules()
        return
    if not files or channel is None:
        raise click.UsageError("give a FILE or FOLDER, and --channel; --list shows the channels")
    site = load_site(config, white_tolerance=white_tolerance)
    rules = channel_named(channel).on(_day(day), white_tolerance=site.white_tolerance)
    measured, unreadable = _measured(list(_found(files)), site.max_pixels)
    broken = 0
    for figures, found in zip(measured, violations(rules, measured), strict=True):
        critical = any(one.severity == "critical" for one in found)
        broken += critical
        say(f"{figures.name}: {'refused' if critical else 'ok'}", colour="red" if critical else None)
        for one in found:
            say(f"  {one.severity}: {one.text}")
    files_checked = counted(len(measured) + unreadable, "file")
    say(f"{files_checked} for {rules.channel}: {broken} refused, {unreadable} unreadable", err=True)
    if broken or unreadable:
        raise click.exceptions.Exit(Status.FAILED)


def _say_rules() -> None:
    from cutouts.adapters.quality.channels import channels

    for known in channels().values():
        say(f"{known.channel}: {known.about}")
        for rule in known.rules:
            say(f"  {rule.severity}: {rule.words} ({rule.source}; {rule.stated})")


def _day(given: datetime | None) -> date:
    return given.date() if given else datetime.now(UTC).date()


def _found(files: tuple[Path, ...]) -> Iterator[Path]:
    for file in files:
        if file.is_dir():
            yield from sorted(one for one in file.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        else:
            yield file


def _measured(files: list[Path], max_pixels: int) -> tuple[list[FileFigures], int]:
    """The figures of the files, and how many cannot be read."""
    from cutouts.adapters.images.finished import figures_of

    measured, unreadable = list[FileFigures](), 0
    for file in files:
        try:
            measured.append(figures_of(file.read_bytes(), str(file), max_pixels=max_pixels))
        except ImageRejected as error:
            unreadable += 1
            say(f"{file}: unreadable: {error}", colour="red", err=True)
    return measured, unreadable
