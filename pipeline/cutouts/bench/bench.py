"""The bench: measures single parts and the whole path in turns, then the whole path alone, then the whole path in other
layouts."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cutouts.adapters.images import SUFFIXES
from cutouts.adapters.storage.sources.folders import photographs
from cutouts.bench.lone import measure_lone
from cutouts.bench.machine import this_machine
from cutouts.bench.records import PARTS, UNAVOIDABLE, BenchReport, PartTiming, Run
from cutouts.bench.worker import Compared, Watched, compare_chunk, decodable, forget_peak, watch_chunk
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.records import ImageRecord
from cutouts.core.text.counting import counted
from cutouts.runner import Place, open_runner
from cutouts.stages import job_of

Chunks = list[tuple[ImageRecord, ...]]

COMPARED_IMAGES = 96
"""The largest number of images that are cut part by part; more would not change the result."""
OTHER_IMAGES = 256
"""The largest number of images for each other layout."""
GROWTH_IMAGES = 500
"""The smallest number of images for which a run reports how memory grows."""
POINTS = 200
"""The largest number of points of a memory curve that a run keeps."""

_CHUNK = 8
"""Images per chunk, if a batch is not larger: few enough to keep all threads busy."""


def bench(
    site: Site,
    source: Path,
    *,
    images: int,
    workers: Sequence[int] = (),
    batches: Sequence[int] = (),
    on_stage: Callable[[str], None] = lambda _: None,
) -> BenchReport:
    """Measure this site's path on the images below `source`, repeated up to `images`: in its own layout, with each
    number of `workers` with one thread each, and with each of `batches` in its own layout. The site's stores are not
    changed. Raises ConfigError if no image can be decoded."""
    site = site.allowing(str(source.resolve()))
    on_stage("looking at the images")
    records, pixels, left_out = decodable_below(site, source)
    with tempfile.TemporaryDirectory(prefix="cutouts-bench-") as folder:
        place = partial(_placed, site, Path(folder))
        on_stage("one image by `cutouts cut`, and by `Cutter`")
        cut_seconds = _cut_seconds(records[0], Path(folder))
        lone = measure_lone(site, [Path(record.uri) for record in records[:COMPARED_IMAGES]])
        on_stage("part by part")
        threads, compared = _compare(place("compared"), cycled(site, records, min(images, COMPARED_IMAGES)))
        on_stage(f"the whole path, {counted(images, 'image')}")
        run = _run(place("run"), cycled(site, records, images))
        some = partial(cycled, records=records, images=min(images, OTHER_IMAGES))
        others = tuple(_run_others(_layouts(site, workers, batches), Path(folder), some, on_stage))
    return BenchReport(
        machine=this_machine(),
        model=site.model,
        source=source.name,
        images=len(records),
        left_out=left_out,
        megapixels=pixels / len(records) / 1e6,
        threads=threads,
        parts=_parts(compared),
        whole_ms=1000 * sum(one.whole for one in compared) / sum(one.images for one in compared),
        lone=lone,
        run=run,
        others=others,
        cut_seconds=cut_seconds,
    )


def _run_others(
    layouts: Iterable[Site], folder: Path, chunks: Callable[[Site], Chunks], on_stage: Callable[[str], None]
) -> Iterator[Run]:
    """The whole path in each layout, one after the other."""
    for number, site in enumerate(layouts):
        on_stage(f"workers {site.workers or 'as above'}, batch {site.batch_images}")
        yield _run(_placed(site, folder, f"other-{number}"), chunks(site))


def growth(curve: Sequence[tuple[int, float]]) -> float | None:
    """MB per 1000 images by least squares over the second half of a memory curve; None for a short run."""
    if not curve or curve[-1][0] < GROWTH_IMAGES:
        return None
    late = np.asarray([point for point in curve if point[0] >= curve[-1][0] / 2])
    return float(1000 * np.polyfit(late[:, 0], late[:, 1], 1)[0]) if len(late) > 1 else None


def decodable_below(site: Site, source: Path) -> tuple[list[ImageRecord], int, int]:
    """The images that can be decoded, the sum of their pixels, and the number of images that cannot be decoded.

    Raises ConfigError if none can.
    """
    found = [
        ImageRecord(image_id=path.name, product_id=path.stem, delivery_id="bench", uri=str(path.resolve()))
        for path in photographs(source, SUFFIXES).files
    ]
    with open_runner(site) as runner:
        sizes = list(runner.map(partial(decodable, site.reading(), site.max_pixels), found))
    seen = sorted(sizes, key=lambda one: one[0].uri)
    good = [record for record, pixels in seen if pixels]
    if not good:
        raise ConfigError("no image to measure with", [f"no image below {source} can be decoded"])
    return good, sum(pixels for _, pixels in seen), len(found) - len(good)


def _placed(site: Site, folder: Path, name: str) -> Site:
    """The site with a separate store for objects."""
    return site.model_copy(update={"objects": str(folder / name)})


def cycled(site: Site, records: Sequence[ImageRecord], images: int) -> Chunks:
    """`images` records in chunks that hold at least a batch of the site's; after the last record, it starts again with
    the first."""
    endless = itertools.islice(itertools.cycle(records), images)
    size = max(_CHUNK, site.batch_images)
    return list(iter(lambda: tuple(itertools.islice(endless, size)), ()))


def _layouts(site: Site, workers: Sequence[int], batches: Sequence[int]) -> Iterator[Site]:
    if site.cluster == "local":
        for count in workers:
            yield site.model_copy(update={"workers": count, "threads": 1})
    for batch in batches:
        if batch != site.batch_images:
            yield site.model_copy(update={"batch": batch})


def _compare(site: Site, chunks: Chunks) -> tuple[int, list[Compared]]:
    with open_runner(site) as runner:
        threads = runner.describe().threads
        list(runner.map(partial(watch_chunk, job_of(site)), [chunks[0][:1]] * threads))
        return threads, list(runner.map(partial(compare_chunk, job_of(site)), chunks))


def _parts(compared: Sequence[Compared]) -> tuple[PartTiming, ...]:
    seconds: Counter[str] = sum((Counter(one.parts) for one in compared), Counter())
    images = sum(one.images for one in compared)
    return tuple(
        PartTiming(name=name, ms=1000 * seconds[name] / images, unavoidable=name in UNAVOIDABLE) for name in PARTS
    )


def _run(site: Site, chunks: Chunks) -> Run:
    forget_peak()
    began = time.perf_counter()
    with open_runner(site) as runner:
        place = runner.describe()
        opened = time.perf_counter()
        work = partial(watch_chunk, job_of(site))
        warm = runner.map(work, [chunks[0][:1]] * place.threads)
        next(warm)
        first = time.perf_counter()
        for _ in warm:
            pass
        started = time.perf_counter()
        watched = list(runner.map(work, chunks))
        seconds = time.perf_counter() - started
    run = summary(site, place, watched, seconds)
    return replace(run, open_seconds=opened - began, first_seconds=first - began)


def summary(site: Site, place: Place, watched: Sequence[Watched], seconds: float) -> Run:
    """The run that cut these chunks in `seconds`; when its cluster was open is not known here."""
    images = sum(one.images for one in watched)
    curve = tuple(_curve(watched))
    return Run(
        cluster=site.cluster,
        workers=place.workers,
        threads=place.threads,
        batch=site.batch_images,
        images=images,
        seconds=seconds,
        busy=sum(one.seconds for one in watched) / seconds / place.threads,
        prepare_ms=1000 * sum(one.prepare for one in watched) / images,
        infer_ms=1000 * sum(one.infer for one in watched) / images,
        finish_ms=1000 * sum(one.finish for one in watched) / images,
        open_seconds=0.0,
        first_seconds=0.0,
        peak_mb=sum({one.pid: one.peak / 1e6 for one in sorted(watched, key=lambda one: one.peak)}.values()),
        growth_mb=growth(curve),
        curve=curve[:: 1 + len(curve) // POINTS],
    )


def _curve(watched: Sequence[Watched]) -> Iterator[tuple[int, float]]:
    """Yields the number of finished images and the memory (MB) of all workers, from the moment when all workers are
    known."""
    pids = {one.pid for one in watched}
    resident: dict[int, float] = {}
    done = 0
    for one in watched:
        done += one.images
        resident[one.pid] = one.resident / 1e6
        if len(resident) == len(pids):
            yield done, sum(resident.values())


def _cut_seconds(record: ImageRecord, folder: Path) -> float:
    """The seconds of `cutouts cut` for one image in a new process, including imports and opening the model."""
    command = "from cutouts.cli import main; main()"
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", command, "cut", record.uri, "-o", str(folder / "first.png")],
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began
