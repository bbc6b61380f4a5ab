"""Whole commands in turns: `cutouts cut` and `rembg p` cut the same folder, with the same network file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.bench.machine import Machine
from cutouts.core.errors import ConfigError
from cutouts.core.text.counting import counted
from cutouts.models.table import find
from cutouts.models.verified_files import verified

_MAIN = "from cutouts.cli import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that cuts all images of a folder into another one; `arguments` get both folders at their end."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """The seconds of a command in each round, from its start to its end, and the bytes of the PNGs that it wrote."""

    name: str
    seconds: tuple[float, ...]
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """All commands on the same `images`, in turns. The last one is rembg's."""

    machine: Machine
    images: int
    network: str
    commands: tuple[Timed, ...]

    def times_faster(self, one: Timed) -> tuple[float, float, float]:
        """How many times as long rembg took in the same round: smallest, median and largest."""
        ratios = [theirs / ours for ours, theirs in zip(one.seconds, self.commands[-1].seconds, strict=True)]
        return min(ratios), median(ratios), max(ratios)


def commands(models: Sequence[str], network: str, *, rembg: Path, folder: str, scratch: Path) -> Iterator[Command]:
    """`cutouts cut` with each of `models` and with `network`, then rembg with the file of `network`.

    `folder` is the site's models folder. Raises ModelError if the network is not there.
    """
    file = verified(find(network, folder), folder).path
    home = scratch / "rembg-home"
    home.mkdir()
    (home / f"{network}.onnx").symlink_to(file)
    for model in (*models, network):
        ours = (sys.executable, "-c", _MAIN, "cut", "--model", model, "-o")
        yield Command(name=f"cutouts, {model}", arguments=ours, environment={"CUTOUTS_MODELS": folder})
    theirs = (str(rembg), "p", "-m", network)
    yield Command(name=f"rembg, {network}", arguments=theirs, environment={"U2NET_HOME": str(home)})


def race(
    source: Path,
    entrants: Sequence[Command],
    scratch: Path,
    *,
    rounds: int,
    network: str,
    machine: Machine,
    on_round: Callable[[str, float], None] = lambda _name, _seconds: None,
) -> Race:
    """Run all commands `rounds` times in turns, each into a new folder. Raises ConfigError if one of them fails or does
    not write a PNG for each image."""
    images = len(photographs(source, SUFFIXES).files)
    if not images:
        raise ConfigError("no image to measure with", [f"{source} has no photograph"])
    seconds: dict[str, list[float]] = {one.name: [] for one in entrants}
    written: dict[str, int] = {}
    for turn in range(rounds):
        for number, one in enumerate(entrants):
            out = scratch / f"{turn}-{number}"
            out.mkdir()
            seconds[one.name].append(_run(one, source, out))
            written[one.name] = _written(one, out, images)
            on_round(one.name, seconds[one.name][-1])
    timed = tuple(Timed(name=one.name, seconds=tuple(seconds[one.name]), written=written[one.name]) for one in entrants)
    return Race(machine=machine, images=images, network=network, commands=timed)


def as_text(result: Race) -> str:
    """A table of all commands, for people."""
    rounds = counted(len(result.commands[0].seconds), "round")
    head = f"{counted(result.images, 'image')}, whole commands in turns, {rounds}, on {result.machine}"
    titles = f"{'':<28}{'seconds':>16}{'images/s':>10}{'MB':>8}  times as fast as rembg"
    return "\n".join([head, titles, *(_line(result, one) for one in result.commands)])


def as_json(result: Race) -> str:
    """The same for programs."""
    rows = [{**asdict(one), "times_faster": result.times_faster(one)} for one in result.commands]
    return json.dumps({**asdict(result), "commands": rows}, indent=2)


def _line(result: Race, one: Timed) -> str:
    least, middle, most = result.times_faster(one)
    span = f"{min(one.seconds):.1f} to {max(one.seconds):.1f}"
    pace = result.images / median(one.seconds)
    return f"{one.name:<28}{span:>16}{pace:>10.2f}{one.written / 1e6:>8.1f}  {middle:.2f} ({least:.2f} to {most:.2f})"


def _run(one: Command, source: Path, out: Path) -> float:
    folders = (str(out), str(source)) if one.arguments[-1] == "-o" else (str(source), str(out))
    began = time.perf_counter()
    ended = subprocess.run(
        [*one.arguments, *folders], env={**os.environ, **one.environment}, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if ended.returncode:
        raise ConfigError(f"{one.name} ended with exit status {ended.returncode}", ended.stderr.splitlines()[-3:])
    return seconds


def _written(one: Command, out: Path, images: int) -> int:
    """The bytes of all PNGs in `out`."""
    pngs = list(out.rglob("*.png"))
    if len(pngs) != images:
        told = f"it wrote {counted(len(pngs), 'PNG')} for {counted(images, 'image')}"
        raise ConfigError(f"{one.name} did not cut everything", [told])
    return sum(png.stat().st_size for png in pngs)
