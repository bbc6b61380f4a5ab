"""Compares a bench with an earlier one: what became slower, apart from the speed of the machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cutouts.bench.records import BenchReport
from cutouts.core.errors import ConfigError

SLOWER = 1.10
"""A figure that grew by more than this, apart from the speed of the machine, is reported as worse."""
LEAST_MS = 0.5
"""Parts below this (ms per image) are too short to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure of two benches. `ratio` is now / before; for times, it is divided by the ratio of the machine's
    speeds."""

    name: str
    unit: str
    before: float
    now: float
    ratio: float

    @property
    def worse(self) -> bool:
        """Whether the figure grew by more than chance explains."""
        return self.ratio > SLOWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All figures that two benches share. `pace` is by how much parts took longer this time, as the median over the
    parts: the speed of the machine, and what else ran on it."""

    pace: float
    changes: tuple[Change, ...]

    @property
    def worse(self) -> tuple[Change, ...]:
        """The figures that became worse."""
        return tuple(change for change in self.changes if change.worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a comparison needs of an earlier bench: `times` by name with their unit, memory in MB."""

    path: Path
    images: int
    megapixels: float
    model: str
    times: Mapping[str, tuple[str, float]]
    peak_mb: float


def read_bench(path: Path) -> Earlier:
    """Read the `bench.json` of an earlier bench. Raises ConfigError if the file is not one."""
    try:
        values = json.loads(path.read_bytes())
        return Earlier(
            path=path,
            images=values["images"],
            megapixels=values["megapixels"],
            model=values["model"],
            times=_times(
                parts={part["name"]: part["ms"] for part in values["parts"]},
                whole_ms=values["whole_ms"],
                cutter_ms=values["lone"]["cutter_ms"],
                cut_seconds=values["cut_seconds"],
                images_per_second=values["run"]["images_per_second"],
            ),
            peak_mb=values["run"]["peak_mb"],
        )
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ConfigError(f"{path} is not a bench.json of this version of `cutouts bench`", [repr(error)]) from error


def compare(earlier: Earlier, report: BenchReport) -> Comparison:
    """Compare `report` with an earlier bench. Raises ConfigError if that measured other images or another network."""
    _require_same(earlier, report)
    now = _times(
        parts={part.name: part.ms for part in report.parts},
        whole_ms=report.whole_ms,
        cutter_ms=report.lone.cutter_ms,
        cut_seconds=report.cut_seconds,
        images_per_second=report.run.images_per_second,
    )
    shared = {
        name: (unit, earlier.times[name][1], value) for name, (unit, value) in now.items() if name in earlier.times
    }
    pace = median(value / then for _, then, value in shared.values())
    times = [
        Change(name=name, unit=unit, before=then, now=value, ratio=value / then / pace)
        for name, (unit, then, value) in shared.items()
    ]
    peak = report.run.peak_mb
    memory = Change(
        name="memory at its peak", unit="MB", before=earlier.peak_mb, now=peak, ratio=peak / earlier.peak_mb
    )
    return Comparison(pace=pace, changes=(*times, memory))


def as_text(comparison: Comparison) -> str:
    """A table of all figures, and what became worse."""
    return "\n".join([*_table(comparison.changes), *_summary(comparison)])


def _require_same(earlier: Earlier, report: BenchReport) -> None:
    ours = (report.images, round(report.megapixels, 3), report.model)
    theirs = (earlier.images, round(earlier.megapixels, 3), earlier.model)
    if ours != theirs:
        text = "{} images of {} MP on average, by {}"
        raise ConfigError(
            f"{earlier.path} measured something else; compare benches of the same images and network",
            [f"then {text.format(*theirs)}", f"now {text.format(*ours)}"],
        )


def _times(
    *, parts: Mapping[str, float], whole_ms: float, cutter_ms: float, cut_seconds: float, images_per_second: float
) -> dict[str, tuple[str, float]]:
    """Each time by name, with its unit; parts that are too short are left out."""
    return {
        **{name: ("ms", ms) for name, ms in parts.items() if ms >= LEAST_MS},
        "whole path": ("ms", whole_ms),
        "one image by Cutter": ("ms", cutter_ms),
        "one image by `cutouts cut`": ("s", cut_seconds),
        "run, per image": ("ms", 1000 / images_per_second),
    }


def _table(changes: Sequence[Change]) -> Iterator[str]:
    yield f"{'':<28}{'before':>12}{'now':>12}{'ratio':>8}"
    for one in changes:
        mark = "  worse" if one.worse else ""
        yield f"{one.name:<28}{one.before:>9.2f} {one.unit:<2}{one.now:>9.2f} {one.unit:<2}{one.ratio:>8.2f}{mark}"


def _summary(comparison: Comparison) -> Iterator[str]:
    yield f"ratios of times are relative to the machine, which took {comparison.pace:.2f} times as long per part"
    worse = ", ".join(f"{change.name} ({change.ratio:.2f})" for change in comparison.worse)
    yield f"worse than before: {worse or 'nothing'}"
