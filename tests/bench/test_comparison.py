"""A bench is compared with an earlier one: what became slower is named, whatever the speed of the machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cutouts.bench import BenchReport, PartTiming, Run
from cutouts.bench.comparison import as_text, compare, read_bench
from cutouts.bench.lone import Lone
from cutouts.bench.machine import this_machine
from cutouts.bench.records import UNAVOIDABLE
from cutouts.bench.table import as_json
from cutouts.core.errors import ConfigError

RUN = Run(
    cluster="local",
    workers=1,
    threads=2,
    batch=1,
    images=100,
    seconds=10.0,
    busy=0.95,
    prepare_ms=20.0,
    infer_ms=60.0,
    finish_ms=40.0,
    open_seconds=1.0,
    first_seconds=2.0,
    peak_mb=500.0,
    growth_mb=None,
    curve=(),
)
MS = {"read": 0.1, "decode": 15.0, "network": 60.0, "matte": 10.0, "encode": 12.0}


def report(slower: dict[str, float] | None = None, *, pace: float = 1.0, peak_mb: float = 500.0) -> BenchReport:
    """A bench on a machine that takes `pace` times as long, and even longer for the parts in `slower`."""
    ms = {name: value * pace * (slower or {}).get(name, 1.0) for name, value in MS.items()}
    return BenchReport(
        machine=this_machine(),
        model="default",
        source="photos",
        images=51,
        left_out=0,
        megapixels=1.7,
        threads=2,
        parts=tuple(PartTiming(name=name, ms=value, unavoidable=name in UNAVOIDABLE) for name, value in ms.items()),
        whole_ms=sum(ms.values()),
        lone=Lone(unavoidable_ms=100, cutter_ms=sum(ms.values())),
        run=replace(RUN, seconds=RUN.seconds * pace, peak_mb=peak_mb),
        others=(),
        cut_seconds=0.9 * pace,
    )


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The file of an earlier bench."""
    path = tmp_path / "bench.json"
    path.write_text(as_json(report()))
    return path


def test_a_slower_machine_is_not_worse(earlier: Path) -> None:
    """If everything takes twice as long, the machine is to blame."""
    found = compare(read_bench(earlier), report(pace=2.0))
    assert found.pace == pytest.approx(2.0)
    assert found.worse == ()
    assert "worse than before: nothing" in as_text(found)


def test_a_part_that_became_slower_is_named(earlier: Path) -> None:
    """On a machine of any speed, the part that takes half as long again is named with its ratio."""
    found = compare(read_bench(earlier), report({"matte": 1.5}, pace=3.0))
    assert [(one.name, round(one.ratio, 2)) for one in found.worse] == [("matte", 1.5)]
    assert "matte (1.50)" in as_text(found)


def test_memory_is_compared_as_it_is(earlier: Path) -> None:
    """A slow machine does not excuse memory that grew."""
    found = compare(read_bench(earlier), report(pace=3.0, peak_mb=600.0))
    assert [one.name for one in found.worse] == ["memory at its peak"]


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (lambda: replace(report(), images=52), "51 images of 1.7 MP"),
        (lambda: replace(report(), model="default-int8"), "by default-int8"),
    ],
    ids=["images", "network"],
)
def test_different_benches_are_not_compared(earlier: Path, other: Callable[[], BenchReport], told: str) -> None:
    """Other images or another network give an error that says both."""
    with pytest.raises(ConfigError, match=told):
        compare(read_bench(earlier), other())


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"parts": [], "model": "default"})])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    """The error names the file."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"other\.json is not a bench\.json"):
        read_bench(path)
