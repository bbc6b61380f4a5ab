"""The whole path in many layouts: networks, worker processes and batch sizes, each with each."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

from cutouts.bench.bench import Chunks, chunks_below, summary
from cutouts.bench.machine import Machine
from cutouts.bench.machine_load import machine_load
from cutouts.bench.records import Run
from cutouts.bench.worker import watch_chunk
from cutouts.core.config import Site
from cutouts.runner import open_runner
from cutouts.stages import job_of

_FULL = 0.9
"""A share of the time above which something limits the whole."""
_UNMEASURED = ("open_seconds", "first_seconds", "growth_mb", "curve")
"""Fields of a run that say nothing about a layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutRun:
    """A run of the whole path in one layout, and the network and provider that it used.

    `cores` and `gpus` are the shares of the time in which the machine's cores and GPUs worked; `gpus` is None if there
    is no GPU.
    """

    model: str
    provider: str
    cores: float
    gpus: float | None
    run: Run

    @property
    def longest(self) -> str:
        """The stage in which threads spend most of their time. For `infer` on a GPU, that includes waiting for it."""
        stages = {"prepare": self.run.prepare_ms, "infer": self.run.infer_ms, "finish": self.run.finish_ms}
        return max(stages, key=lambda name: stages[name])

    @property
    def limit(self) -> str:
        """What would have to be faster for the whole to be faster."""
        if self.gpus is not None and self.gpus >= _FULL:
            return "the GPU"
        if self.cores >= _FULL:
            return "the cores"
        return "threads wait for each other" if self.run.busy >= _FULL else "threads wait for chunks"


def run_layouts(
    site: Site,
    source: Path,
    *,
    images: int,
    models: Sequence[str],
    workers: Sequence[int],
    batches: Sequence[int],
    on_run: Callable[[LayoutRun], None] = lambda _: None,
) -> list[LayoutRun]:
    """Measure each layout with `images` images. 0 workers are the site's own choice; threads follow from the cores,
    unless the site sets them.

    Raises ConfigError or ModelError if the site's cluster or provider is not there: nothing else takes their place.
    """
    site = site.allowing(str(source.resolve()))
    runs = []
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as folder:
        chunks = chunks_below(site, source, images)
        for number, (model, count, batch) in enumerate(product(models, workers, batches)):
            own = {"model": model, "workers": count, "batch": batch, "objects": str(Path(folder, str(number)))}
            runs.append(_run(site.model_copy(update=own), chunks))
            on_run(runs[-1])
    return runs


def _run(site: Site, chunks: Chunks) -> LayoutRun:
    """The first images only warm the workers; they are not counted."""
    with open_runner(site) as runner:
        place, work = runner.describe(), partial(watch_chunk, job_of(site))
        for _ in runner.map(work, [chunks[0]] * place.threads):
            pass
        with machine_load() as load:
            began = time.perf_counter()
            watched = list(runner.map(work, chunks))
            seconds = time.perf_counter() - began
    run = summary(site, place, watched, seconds)
    return LayoutRun(model=site.model, provider=site.provider, cores=load.cores, gpus=load.gpus, run=run)


def as_text(runs: Sequence[LayoutRun]) -> str:
    """A table in Markdown, as the documentation shows it, the fastest first."""
    return "\n".join(_table(sorted(runs, key=lambda one: -one.run.images_per_second)))


def _table(runs: Sequence[LayoutRun]) -> Iterator[str]:
    yield "| network | processes × threads | batch | images/s | GPUs busy | cores busy | longest stage | limit |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in runs:
        gpus, run = "no GPU" if one.gpus is None else f"{one.gpus:.0%}", one.run
        yield (
            f"| `{one.model}` | {run.workers} × {run.threads // run.workers} | {run.batch} |"
            f" {run.images_per_second:.1f} | {gpus} | {one.cores:.0%} | {one.longest} | {one.limit} |"
        )


def as_json(machine: Machine, runs: Sequence[LayoutRun]) -> str:
    """Everything in the runs, with computed values. Start-up and the growth of memory were not measured."""
    return json.dumps({"machine": asdict(machine), "runs": [*map(_values, runs)]}, indent=2)


def _values(one: LayoutRun) -> dict[str, object]:
    run = {name: value for name, value in asdict(one.run).items() if name not in _UNMEASURED}
    about = {"model": one.model, "provider": one.provider, "cores": one.cores, "gpus": one.gpus}
    computed = {"images_per_second": one.run.images_per_second, "longest": one.longest, "limit": one.limit}
    return {**about, **run, **computed}
