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

from cutouts.bench.bench import Chunks, chunks_below
from cutouts.bench.machine import Machine
from cutouts.bench.machine_load import MachineLoad, machine_load
from cutouts.bench.worker import Watched, watch_chunk
from cutouts.core.config import Site
from cutouts.runner import Place, open_runner
from cutouts.stages import job_of

_FULL = 0.9
"""A share of the time above which something limits the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutRun:
    """The whole path for `images` images in one layout.

    `busy` is the share of the time in which threads had a chunk, `cores` and `gpus` the shares in which the machine's
    cores and GPUs worked; `gpus` is None if there is no GPU. Milliseconds are per image on one thread.
    """

    model: str
    provider: str
    cluster: str
    workers: int
    threads: int
    batch: int
    images: int
    seconds: float
    busy: float
    cores: float
    gpus: float | None
    prepare_ms: float
    infer_ms: float
    finish_ms: float
    peak_mb: float

    @property
    def images_per_second(self) -> float:
        """Throughput with warm workers."""
        return self.images / self.seconds

    @property
    def longest(self) -> str:
        """The stage in which threads spend most of their time. For `infer` on a GPU, that includes waiting for it."""
        stages = {"prepare": self.prepare_ms, "infer": self.infer_ms, "finish": self.finish_ms}
        return max(stages, key=lambda name: stages[name])

    @property
    def limit(self) -> str:
        """What would have to be faster for the whole to be faster."""
        if self.gpus is not None and self.gpus >= _FULL:
            return "the GPU"
        if self.cores >= _FULL:
            return "the cores"
        return "threads wait for each other" if self.busy >= _FULL else "threads wait for chunks"


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
    return _summary(site, place, load, watched, seconds)


def _summary(site: Site, place: Place, load: MachineLoad, watched: Sequence[Watched], seconds: float) -> LayoutRun:
    images = sum(one.images for one in watched)
    return LayoutRun(
        model=site.model,
        provider=site.provider,
        cluster=site.cluster,
        workers=place.workers,
        threads=place.threads,
        batch=site.batch_images,
        images=images,
        seconds=seconds,
        busy=sum(one.seconds for one in watched) / seconds / place.threads,
        cores=load.cores,
        gpus=load.gpus,
        prepare_ms=1000 * sum(one.prepare for one in watched) / images,
        infer_ms=1000 * sum(one.infer for one in watched) / images,
        finish_ms=1000 * sum(one.finish for one in watched) / images,
        peak_mb=sum({one.pid: one.peak / 1e6 for one in sorted(watched, key=lambda one: one.peak)}.values()),
    )


def as_text(runs: Sequence[LayoutRun]) -> str:
    """A table in Markdown, as the documentation shows it, the fastest first."""
    return "\n".join(_table(sorted(runs, key=lambda run: -run.images_per_second)))


def _table(runs: Sequence[LayoutRun]) -> Iterator[str]:
    yield "| network | processes × threads | batch | images/s | GPUs busy | cores busy | longest stage | limit |"
    yield "|---|---|---|---|---|---|---|---|"
    for run in runs:
        gpus = "no GPU" if run.gpus is None else f"{run.gpus:.0%}"
        yield (
            f"| `{run.model}` | {run.workers} × {run.threads // run.workers} | {run.batch} |"
            f" {run.images_per_second:.1f} | {gpus} | {run.cores:.0%} | {run.longest} | {run.limit} |"
        )


def as_json(machine: Machine, runs: Sequence[LayoutRun]) -> str:
    """Everything in the runs, with computed values."""
    values = [
        {**asdict(run), "images_per_second": run.images_per_second, "longest": run.longest, "limit": run.limit}
        for run in runs
    ]
    return json.dumps({"machine": asdict(machine), "runs": values}, indent=2)
