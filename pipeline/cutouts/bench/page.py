"""The documentation's page on performance, made from the JSON files that the benches write.

`python -m cutouts.bench.page FOLDER PAGE` writes the page from the files in FOLDER.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cutouts.bench.scale import ADVICE, REQUESTS, S3_WRITES, WRITES, Costs
from cutouts.bench.scale_load import CHUNK_IMAGES
from cutouts.core.text.counting import counted

Values = Mapping[str, Any]

_FILES = ("bench", "memory", "plan", "rembg", "scale")

_INTRODUCTION = """# Performance

`make bench` measures everything on this page again, and writes the page. Seconds depend on the machine. Ratios compare
times of the same run. The figures are also in `docs/bench/*.json`, and
`cutouts bench PHOTOS --compare docs/bench/bench.json` says what became slower since then."""

_GPUS = """## GPUs

`make bench` does not measure GPUs. `make bench-gpu` measures images per second, layouts, and how busy the threads are,
on a machine with NVIDIA GPUs. [A cluster and GPUs](cluster.md#measure-it) has figures of one such machine."""


def page(folder: Path) -> str:
    """The whole page in Markdown, from the files in `folder`: `bench.json`, `memory.json` (of a bench of many images),
    `plan.json`, `rembg.json` and `scale.json`."""
    bench, memory, plan, rembg, scale = (_read(folder, name) for name in _FILES)
    sections = [
        _parts(bench), _layouts(bench), _memory(memory), _rembg(rembg), _steps(plan), _loads(scale), _forecasts(scale)
    ]  # fmt: skip
    return "\n\n".join([_INTRODUCTION, *("\n".join(lines) for lines in sections), _GPUS]) + "\n"


def _read(folder: Path, name: str) -> Values:
    values: Values = json.loads((folder / f"{name}.json").read_bytes())
    return values


def _parts(bench: Values) -> Iterator[str]:
    yield "## One image\n"
    yield (
        f"{bench['images']} images of {bench['megapixels']:.1f} MP on average (`{bench['source']}`), by"
        f" `{bench['model']}`, on {_machine(bench['machine'])}. Each part was measured alone, in turns with the"
        " whole path.\n"
    )
    rows = [
        (
            f"{one['name']}{' *' if one['unavoidable'] else ''}",
            f"{one['ms']:.1f}",
            f"{one['ms'] / bench['whole_ms']:.0%}",
        )
        for one in bench["parts"]
    ]
    yield from _table(("part", "ms per image", "share"), [*rows, ("whole path", f"{bench['whole_ms']:.1f}", "100%")])
    yield (
        f"\n\\* Any program needs these parts. The whole path takes {bench['ratio']:.2f} times as long as they do, and"
        f" {bench['ratio_with_runner']:.2f} times if the waiting of the runner is counted.\n"
    )
    lone = bench["lone"]
    yield (
        "If no other image is in progress, the network uses all cores: `cutouts.Cutter` then cuts one image from file"
        f" to file in {lone['cutter_ms']:.1f} ms, {bench['lone_ratio']:.2f} times as long as decode, network and encode"
        f" take on one core ({lone['unavoidable_ms']:.1f} ms). `cutouts cut` in a new process takes"
        f" {bench['cut_seconds']:.2f} s."
    )
    yield "\n![Parts, stages, layouts and memory](performance.svg)"


def _layouts(bench: Values) -> Iterator[str]:
    yield "## Workers and batches\n"
    rows = [
        (run["cluster"], run["workers"], run["threads"], run["batch"], f"{run['images_per_second']:.1f}",
         f"{run['peak_mb']:.0f}")
        for run in (bench["run"], *bench["others"])
    ]  # fmt: skip
    yield from _table(("cluster", "workers", "threads in all", "batch", "images/s", "memory (MB)"), rows)
    pace = {run["workers"]: run["images_per_second"] for run in bench["others"] if run["threads"] == run["workers"]}
    if pace.keys() >= {1, 2}:
        yield f"\nTwo workers with one thread each are {pace[2] / pace[1]:.2f} times as fast as one."


def _memory(bench: Values) -> Iterator[str]:
    run = bench["run"]
    yield "## Memory\n"
    yield (
        f"{run['images']:,} images of {bench['megapixels']:.2f} MP on average, on"
        f" {counted(run['workers'], 'worker')} with {run['threads']} threads in all: {run['peak_mb']:.0f} MB at the"
        f" peak, of all workers together. Over the second half of the images, memory changed by {run['growth_mb']:+.2f}"
        " MB per 1,000."
    )


def _rembg(rembg: Values) -> Iterator[str]:
    yield "## Compared with rembg\n"
    yield (
        f"`cutouts cut FOLDER` and `rembg p` were run in turns on {rembg['images']} photographs, on"
        f" {_machine(rembg['machine'])}. Each time is that of the whole command, with as many threads as it chooses."
        " Both write PNGs at full size, and the last two rows use the same network file.\n"
    )
    rows = [
        (one["name"], f"{min(one['seconds']):.1f} to {max(one['seconds']):.1f}", f"{one['written'] / 1e6:.1f}",
         "{1:.1f} ({0:.1f} to {2:.1f})".format(*one["times_faster"]))
        for one in rembg["commands"]
    ]  # fmt: skip
    yield from _table(("command, network", "seconds", "PNGs (MB)", "times as fast as rembg"), rows)


def _steps(plan: Values) -> Iterator[str]:
    yield "## Plan, gate and publish\n"
    yield f"On {plan['cores']} cores, each step in a separate process, with ledgers that `cutouts bench plan` made.\n"
    rows = [
        (one["step"], f"{one['images']:,}", f"{one['parts']:,}", f"{one['seconds']:.1f}", f"{one['cpu_seconds']:.1f}",
         f"{one['peak_mb']:.0f}")
        for one in plan["measured"]
    ]  # fmt: skip
    yield from _table(("step", "images", "parts of the ledger", "seconds", "CPU seconds", "memory (MB)"), rows)


def _loads(scale: Values) -> Iterator[str]:
    yield "## Many workers\n"
    yield (
        "These are the real Dask scheduler and runner, with workers that only sleep, all in one process. *Busy* is the"
        " share of the time in which the workers worked; in the rest, they waited for the scheduler.\n"
    )
    rows = [
        (one["workers"], f"{one['chunk_seconds']:.1f}", one["chunks"], f"{one['busy']:.0%}", f"{one['cpu_ms']:.1f}")
        for one in scale["loads"]
    ]
    yield from _table(("workers", "seconds per chunk", "chunks", "busy", "CPU per chunk (ms)"), rows)


def _forecasts(scale: Values) -> Iterator[str]:
    costs = scale["costs"]
    yield "## Millions of images\n"
    tables = 1e6 * (costs["plan"] + costs["gate"] + costs["publish"])
    yield (
        "These figures are computed from those above, not measured. All images are new. The costs are"
        f" {costs['cut_ms']:.0f} ms per image on each of {costs['threads']} threads per worker,"
        f" {costs['chunk_ms']:.1f} ms of the scheduler per chunk of 32 images, and {tables:.0f} µs and"
        f" {1000 * costs['image_mb']:.1f} kB per image for plan, gate and publish in one process, on a machine with"
        f" {costs['machine_mb'] / 1000:.0f} GB. All costs are assumed to grow with the number of images. From"
        f" {_most(costs):,} workers on, the scheduler would be the first limit.\n"
    )
    yield (
        f"If photographs and objects are on S3, an image takes {REQUESTS} requests, and {WRITES} of them write. With"
        f" {Costs(**costs).s3_workers:,.0f} workers or more, they write more than the {S3_WRITES:,} objects per second"
        " that S3 accepts for one prefix according to its documentation. The names of objects begin with 256 different"
        " prefixes, so S3 can divide the load. Until it has done so, it answers that it is busy, and the chunk is tried"
        " again.\n"
    )
    rows = [
        (f"{one['images']:,}", one["workers"], f"{one['total_hours']:,.1f}", f"{one['memory_mb'] / 1000:,.1f}",
         f"{one['requests']:,.0f}", one["limit"], ADVICE[one["limit"]])
        for one in scale["forecasts"]
    ]  # fmt: skip
    titles = ("images", "workers", "hours", "tables (GB)", "requests/s", "first limit", "what to change")
    yield from _table(titles, rows)


def _most(costs: Values) -> int:
    """The number of workers that one scheduler keeps busy."""
    busy: float = CHUNK_IMAGES * costs["cut_ms"] / costs["threads"] / costs["chunk_ms"]
    return round(busy)


def _machine(machine: Values) -> str:
    return f"{machine['processor']}, {machine['cores']} cores, with a load of {machine['load']} before it began"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(cell) for cell in row)} |"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1])), encoding="utf-8")
