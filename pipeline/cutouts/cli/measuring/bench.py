"""`cutouts bench`: how fast this machine is, and where the time is spent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import click

from cutouts.adapters.site_settings import load_site
from cutouts.adapters.storage.ownership import claim, write_ours
from cutouts.adapters.terminal import say
from cutouts.bench.bench import bench as run_bench
from cutouts.bench.comparison import Earlier, compare, read_bench
from cutouts.bench.comparison import as_text as comparison_text
from cutouts.bench.plot import draw
from cutouts.bench.records import BenchReport
from cutouts.bench.table import as_json, as_text
from cutouts.cli.console.first_words import FirstWordCommand
from cutouts.cli.console.options import bench_option, cluster_option, config_option, counts, network_options
from cutouts.samples import write_samples


class _Bench(FirstWordCommand):
    """The bench of a folder of images; a word of `others` in its place is another bench."""

    others: ClassVar[Mapping[str, str]] = dict.fromkeys(("layouts", "plan", "rembg", "scale", "serve"), "measuring")


@click.command(cls=_Bench)
@click.argument(
    "source", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="[IMAGES]"
)
@bench_option
@click.option(
    "--images",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    help="Number of images; IMAGES are repeated to reach it.",
)
@click.option(
    "--workers",
    callback=counts,
    default="1,2",
    show_default=True,
    help="Worker counts to try, with one thread each.",
)
@click.option("--batches", callback=counts, default="1,4", show_default=True, help="Batch sizes to try.")
@cluster_option
@network_options
@click.option(
    "--compare",
    "earlier",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bench.json of an earlier bench of the same images: say what became slower.",
)
@config_option
def bench(
    source: Path | None,
    out: Path,
    images: int,
    workers: tuple[int, ...],
    batches: tuple[int, ...],
    earlier: Path | None,
    **where: Any,
) -> None:
    """Measure the whole path on a folder of IMAGES (by default the demo's samples).

    Cuts every image as a run does and, in turns with this, part by part, so that both are measured under the same load.
    Reports images per second of the whole path and of the network alone, the times of parts and stages, memory,
    start-up time and other layouts. Writes
    the same to OUT/bench.json, and a plot to OUT/bench.svg.

    \b
    cutouts bench photos
    cutouts bench photos --images 10000 --workers "" --batches ""     (does memory stay flat?)
    cutouts bench photos --compare before/bench.json                  (what became slower?)
    cutouts bench layouts --help                                      (how many processes, on GPUs too)
    cutouts bench plan --help                                         (plan, gate and publish; a folder: ./plan)
    cutouts bench rembg --help                                        (rembg's folder mode beside ours)
    cutouts bench scale --help                                        (many workers, millions of images)
    cutouts bench serve --help                                        (the server under load)
    """
    site = load_site(where.pop("config"), **where)
    claim(out, ("bench.json", "bench.svg", *(() if source else ("samples", "samples-truth"))))
    if source is None:
        write_samples(out / "samples")
    before = read_bench(earlier) if earlier else None
    report = run_bench(
        site,
        source or out / "samples",
        images=images,
        workers=workers,
        batches=batches,
        on_stage=lambda stage: say(f"… {stage}", err=True),
    )
    _tell(report, before, out)


def _tell(report: BenchReport, before: Earlier | None, out: Path) -> None:
    """Write and print the report, and what became slower since the bench `before`."""
    write_ours(out / "bench.json", as_json(report).encode())
    draw(report, out / "bench.svg")
    say(f"{as_text(report)}\n", lines=True)
    if before:
        say(f"{comparison_text(compare(before, report))}\n", lines=True)
    say(f"written: {out / 'bench.json'}, {out / 'bench.svg'}")
