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

from cutouts.bench.bench import Chunks, cycled, decodable_below, summary
from cutouts.bench.machine import Machine, this_machine
from cutouts.bench.machine_load import machine_load
from cutouts.bench.network_alone import NetworkAlone, networks_alone
from cutouts.bench.records import Run
from cutouts.bench.worker import watch_chunk
from cutouts.core.config import Site
from cutouts.core.text.counting import counted
from cutouts.runner import open_runner
from cutouts.stages import job_of

_FULL = 0.9
"""A share of the time above which something limits the whole."""
_UNMEASURED = ("open_seconds", "first_seconds", "growth_mb", "curve")
"""Fields of a run that say nothing about a layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutRun:
    """A run of the whole path in one layout, and the network and provider that it used.

    `automatic` is true if the number of processes followed from the machine. `cores` and `gpus` are the shares of the
    time in which the machine's cores and GPUs worked; `gpus` is None if there is no GPU.
    """

    model: str
    provider: str
    automatic: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReport:
    """The layouts that were measured with `photographs` photographs of `megapixels` on average, and each network
    alone."""

    machine: Machine
    photographs: int
    megapixels: float
    networks: tuple[NetworkAlone, ...]
    runs: tuple[LayoutRun, ...]


def run_layouts(
    site: Site,
    source: Path,
    *,
    images: int,
    models: Sequence[str],
    workers: Sequence[int],
    batches: Sequence[int],
    on_run: Callable[[NetworkAlone | LayoutRun], None] = lambda _: None,
) -> LayoutReport:
    """Measure each network alone, and then each layout with `images` images. 0 workers are those that a run has if
    nothing is set; threads follow from the cores, unless the site sets them.

    Raises ConfigError or ModelError if the site's cluster or provider is not there: nothing else takes their place.
    """
    site, machine = site.allowing(str(source.resolve())), this_machine()
    records, pixels, _ = decodable_below(site, source)
    networks = tuple(networks_alone(site, records[0], models=models, batches=batches, on_result=on_run))
    runs = []
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as folder:
        for number, (model, count, batch) in enumerate(product(models, workers, batches)):
            own = {"model": model, "workers": count, "batch": batch, "objects": str(Path(folder, str(number)))}
            one = site.model_copy(update=own)
            runs.append(_run(one, cycled(one, records, images)))
            on_run(runs[-1])
    return LayoutReport(
        machine=machine,
        photographs=len(records),
        megapixels=pixels / len(records) / 1e6,
        networks=networks,
        runs=tuple(runs),
    )


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
    return LayoutRun(
        model=site.model,
        provider=site.provider,
        automatic=not site.workers,
        cores=load.cores,
        gpus=load.gpus,
        run=run,
    )


def as_text(report: LayoutReport) -> str:
    """What was measured and two tables in Markdown, as the documentation shows them, the fastest layout first."""
    photographs = f"{counted(report.photographs, 'photograph')} of {report.megapixels:.1f} MP on average"
    runs = sorted(report.runs, key=lambda one: -one.run.images_per_second)
    return "\n".join([
        f"{photographs}, on {report.machine}", "", *_network_table(report.networks), "", *_layout_table(runs)
    ])  # fmt: skip


def _network_table(networks: Sequence[NetworkAlone]) -> Iterator[str]:
    yield "| network alone | batch | ms per image | images/s |"
    yield "|---|---|---|---|"
    for one in networks:
        yield f"| `{one.model}` | {one.batch} | {1000 / one.images_per_second:.2f} | {one.images_per_second:.1f} |"


def _layout_table(runs: Sequence[LayoutRun]) -> Iterator[str]:
    yield "| network | processes × threads | batch | images/s | GPUs busy | cores busy | longest stage | limit |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in runs:
        gpus, run = "no GPU" if one.gpus is None else f"{one.gpus:.0%}", one.run
        divided = f"{run.workers} × {run.threads // run.workers}{' (automatic)' if one.automatic else ''}"
        yield (
            f"| `{one.model}` | {divided} | {run.batch} |"
            f" {run.images_per_second:.1f} | {gpus} | {one.cores:.0%} | {one.longest} | {one.limit} |"
        )


def as_json(report: LayoutReport) -> str:
    """Everything in the report, with computed values. Start-up and the growth of memory were not measured."""
    return json.dumps({**asdict(report), "runs": [*map(_values, report.runs)]}, indent=2)


def _values(one: LayoutRun) -> dict[str, object]:
    run = {name: value for name, value in asdict(one.run).items() if name not in _UNMEASURED}
    about = {name: value for name, value in asdict(one).items() if name != "run"}
    computed = {"images_per_second": one.run.images_per_second, "longest": one.longest, "limit": one.limit}
    return {**about, **run, **computed}
