"""`cutouts check`: finished files against the rules of a channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutouts.adapters.images import SUFFIXES, read_size
from cutouts.adapters.site_settings import load_site
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.options import config_option
from cutouts.core.channels.figures import FileFigures
from cutouts.core.errors import ImageRejected
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.text.counting import counted

if TYPE_CHECKING:
    from cutouts.adapters.quality.channels import Violation


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="FILE|FOLDER...")
@click.option("--channel", metavar="NAME", help="One of --list.")
@click.option("--list", "show", is_flag=True, help="List the channels and their rules, and stop.")
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

    For each broken rule, a line says which one, the measured value, what is allowed, and the worst pixel. The exit
    status is 1 if a file breaks a rule, cannot be read, or is larger than the setting max_pixels allows to decode;
    warnings do not count.

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
    found_files = list(_found(files))
    if not found_files:
        raise click.UsageError(f"no picture in {', '.join(map(str, files))}")
    measured, unjudged = _measured(found_files, site.max_pixels)
    judged = zip(measured, violations(rules, measured), strict=True)
    broken = sum(_say_judged(figures, found) for figures, found in judged)
    outcomes = f"{broken} refused, {unjudged['unreadable']} unreadable, {unjudged['too large']} too large to check"
    say(f"{counted(len(found_files), 'file')} for {rules.channel}: {outcomes}", err=True)
    if broken or unjudged.total():
        raise click.exceptions.Exit(Status.FAILED)


def _say_judged(figures: FileFigures, found: Sequence[Violation]) -> bool:
    """Say which rules a file breaks. Returns whether it is refused."""
    critical = any(one.severity == "critical" for one in found)
    say(f"{figures.name}: {'refused' if critical else 'ok'}", colour="red" if critical else None)
    for one in found:
        say(f"  {one.severity}: {one.text}")
    return critical


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


def _measured(files: list[Path], max_pixels: int) -> tuple[list[FileFigures], Counter[str]]:
    """The figures of the files, and how many cannot be judged, by the reason: unreadable, or too large."""
    from cutouts.adapters.images.finished import figures_of

    measured, unjudged = list[FileFigures](), Counter[str]()
    for file in files:
        data = file.read_bytes()
        try:
            measured.append(figures_of(data, str(file), max_pixels=max_pixels))
        except ImageRejected as error:
            large = error.reason is RejectionReason.TOO_LARGE
            unjudged["too large" if large else "unreadable"] += 1
            told = f"not checked: {_too_large(data, error, max_pixels)}" if large else f"unreadable: {error}"
            say(f"{file}: {told}", colour="red", err=True)
    return measured, unjudged


def _too_large(data: bytes, error: ImageRejected, max_pixels: int) -> str:
    """Why a file is too large to check, and what to do if a setting decides that."""
    width, height = read_size(data) or (0, 0)
    if width * height <= max_pixels:
        return str(error)
    needed = f"set max_pixels to at least {width * height} (CUTOUTS_MAX_PIXELS={width * height}) to check it"
    return f"it has {width}×{height} px, more than max_pixels ({max_pixels}); {needed}"
