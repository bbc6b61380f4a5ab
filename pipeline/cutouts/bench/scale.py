"""How long large catalogues take on many workers, computed from measured costs, and what limits them first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cutouts.bench.scale_load import CHUNK_IMAGES, Load
from cutouts.core.errors import ConfigError

ADVICE = {
    "workers": "more workers, `default-int8`, or GPUs",
    "scheduler": "a larger `chunk`, or several schedulers with a delivery each",
    "tables": "smaller deliveries: each is planned, judged and published in a process of its own",
    "memory": "smaller deliveries: the tables of one are in the memory of one process",
}
"""What to change, by the first limit."""

REQUESTS = 8
"""Requests for a new image whose photograph and objects are on S3: the photograph is looked up and read, and its matte
and cutout are looked up (by two requests) and written."""
WRITES = 2
"""How many of them write an object."""
S3_WRITES = 3_500
"""Objects per second that S3 accepts below one prefix, by its documentation, until it has split the prefix."""

_FIRST = {"plan": "plan, nothing known", "gate": "gate, all known", "publish": "publish, all known"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Measured costs: `cut_ms` of an image on one thread (with the runner's waiting), `chunk_ms` of CPU per chunk in
    the scheduler's process, and seconds of plan, gate and publish per image that is new.

    The step that needs most memory takes `base_mb` and `image_mb` per image; the machine has `machine_mb`.
    """

    cut_ms: float
    threads: int
    chunk_ms: float
    plan: float
    gate: float
    publish: float
    base_mb: float
    image_mb: float
    machine_mb: float

    @property
    def s3_workers(self) -> float:
        """The number of workers that write as many objects as S3 accepts below one prefix."""
        return S3_WRITES / WRITES * self.cut_ms / 1000 / self.threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A catalogue of `images` new images on `workers`: hours of each limit. What is cut waits for the workers or for
    the scheduler, whichever takes longer; the tables come before and after it.

    `memory_mb` is what the tables need in one process, and `fits` says whether the measured machine has that much.
    `requests` to S3 are per second, while images are cut.
    """

    images: int
    workers: int
    hours: dict[str, float]
    memory_mb: float
    fits: bool
    requests: float

    @property
    def total(self) -> float:
        """Hours in all."""
        return max(self.hours["workers"], self.hours["scheduler"]) + self.hours["tables"]

    @property
    def limit(self) -> str:
        """What has to change first: a key of `ADVICE`."""
        return "memory" if not self.fits else max(self.hours, key=self.hours.__getitem__)


def forecast(costs: Costs, *, images: int, workers: int) -> Forecast:
    """Hours that a catalogue takes, if one process plans, judges and publishes all of it."""
    memory_mb = costs.base_mb + images * costs.image_mb
    pace = workers * costs.threads / costs.cut_ms * 1000
    return Forecast(
        images=images,
        workers=workers,
        hours={
            "workers": images / pace / 3600,
            "scheduler": images / CHUNK_IMAGES * costs.chunk_ms / 1000 / 3600,
            "tables": images * (costs.plan + costs.gate + costs.publish) / 3600,
        },
        memory_mb=memory_mb,
        fits=memory_mb <= costs.machine_mb,
        requests=pace * REQUESTS,
    )


def read_costs(folder: Path, loads: Sequence[Load]) -> Costs:
    """The costs that `cutouts bench` and `cutouts bench plan` have written to `folder`, and that of the scheduler with
    the most workers.

    Raises ConfigError if one of the files is missing, or is not one of them.
    """
    try:
        bench = json.loads((folder / "bench.json").read_bytes())
        measured = json.loads((folder / "plan.json").read_bytes())["measured"]
        steps = _largest(measured)
        run = bench["run"]
        return Costs(
            cut_ms=bench["whole_ms"] / run["busy"],
            threads=run["threads"] // run["workers"],
            chunk_ms=max(loads, key=lambda load: load.workers).cpu_ms,
            machine_mb=bench["machine"]["memory"] / 1e6,
            **_memory(measured),
            **{name: steps[step]["seconds"] / steps[step]["images"] for name, step in _FIRST.items()},
        )
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ConfigError(
            f"{folder} lacks what a forecast is made of", [repr(error), "run `cutouts bench` and `cutouts bench plan`"]
        ) from error


def as_text(loads: Sequence[Load], forecasts: Sequence[Forecast]) -> str:
    """The measured loads, and the forecasts, for people."""
    return "\n".join([*_load_lines(loads), "", *_forecast_lines(forecasts)])


def as_json(loads: Sequence[Load], costs: Costs, forecasts: Sequence[Forecast]) -> str:
    """The same for programs."""
    return json.dumps(
        {
            "loads": [{**asdict(load), "busy": load.busy, "cpu_ms": load.cpu_ms} for load in loads],
            "costs": asdict(costs),
            "forecasts": [{**asdict(one), "total_hours": one.total, "limit": one.limit} for one in forecasts],
        },
        indent=2,
    )


def _largest(measured: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each step with the most images for which it was measured."""
    return {one["step"]: one for one in sorted(measured, key=lambda one: int(one["images"]))}


def _memory(measured: Sequence[dict[str, Any]]) -> dict[str, float]:
    """What a step needs for no image, and for each image, by the smallest and the largest that were measured."""
    base_mb = min(one["peak_mb"] for one in measured)
    largest = max(measured, key=lambda one: (one["images"], one["peak_mb"]))
    return {"base_mb": base_mb, "image_mb": (largest["peak_mb"] - base_mb) / largest["images"]}


def _load_lines(loads: Sequence[Load]) -> Iterator[str]:
    yield f"{'workers that sleep':<22}{'s per chunk':>12}{'chunks':>8}{'busy':>8}{'CPU ms per chunk':>18}"
    for load in loads:
        yield (f"{load.workers:<22}{load.chunk_seconds:>12.2f}{load.chunks:>8}{load.busy:>8.1%}{load.cpu_ms:>18.2f}")


def _forecast_lines(forecasts: Sequence[Forecast]) -> Iterator[str]:
    yield f"{'images':>12}{'workers':>9}{'hours':>10}{'tables GB':>11}{'requests/s':>12}  first limit"
    for one in forecasts:
        yield (
            f"{one.images:>12,}{one.workers:>9}{one.total:>10.1f}{one.memory_mb / 1000:>11.1f}{one.requests:>12,.0f}"
            f"  {one.limit}: {ADVICE[one.limit]}"
        )
