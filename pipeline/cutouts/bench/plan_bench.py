"""Measures the cost of plan, gate and publish by images and by parts of the ledger; no image is cut."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality.library import library
from cutouts.adapters.storage.request_count import counted_requests
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.bench.made_ledgers import DELIVERY, manifest, results, write_parts
from cutouts.bench.worker import forget_peak, memory
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.stages import job_of
from cutouts.stages.cores import machine_cores
from cutouts.steps import gate, plan, publish
from cutouts.steps.ledger import record

_PLAN = 1
"""The number of the plan id under which the large synthetic ledger is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """The cost of one step: wall and CPU seconds of its process, peak memory (MB), and requests to S3 (None for other
    stores). `catalog` is the type of database, whose own work is only in the wall seconds if it is a server. `key`
    identifies its result."""

    step: str
    images: int
    parts: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    requests: int | None = None
    catalog: str = "sqlite"
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step on a site, called with the texts in `about`; it returns the key of its result."""

    function: Callable[..., str]
    site: Site
    about: tuple[str, ...]


def in_new_process(one: StepCost, step: Step) -> StepCost:
    """Measure the step in a new process, whose memory is not affected by earlier steps."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(in_this_process, one, step).result()


def in_this_process(one: StepCost, step: Step) -> StepCost:
    """Measure the step in this process. Imports are not counted."""
    sent = counted_requests(open_store(step.site.tables_url))
    library()
    forget_peak()
    began, cpu = time.perf_counter(), time.process_time()
    key = step.function(step.site, *step.about)
    return replace(
        one,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
        peak_mb=memory()[1] / 1e6,
        requests=sent() if sent else None,
        key=key,
    )


Where: TypeAlias = Callable[[StepCost, Step], StepCost]
STEPS = ("plan", "gate", "publish")
"""The steps of a delivery, each of which needs those before it."""


def measure_parts(
    site: Site,
    scratch: Path,
    *,
    parts: int,
    per_part: int,
    images: int,
    tell: Callable[[str], None],
    until: str = STEPS[-1],
    where: Where = in_new_process,
) -> Iterator[StepCost]:
    """Measure a delivery of known images from random parts of a ledger with `parts` parts: its first plan, a later
    plan, and its gate unless `until` is the plan."""
    tables = open_store(site.tables_url)

    def told(done: int) -> None:
        if done % 1_000 == 0 or done == parts:
            tell(f"{done} of {parts} parts of the ledger made")

    write_parts(tables, job_of(site).recipe.digests, parts=parts, images=per_part, tell=told)
    known = np.sort(np.random.default_rng(1).permutation(parts * per_part)[:images])
    source = _manifest(scratch, manifest(known))
    one = StepCost(step="", images=len(known), parts=parts, catalog=_database(site))
    for step in ("first plan, which joins", "plan"):
        made = where(replace(one, step=step), Step(function=_plan, site=site, about=(source,)))
        yield made
    if until != "plan":
        yield where(replace(one, step="gate"), Step(function=_gate, site=site, about=(made.key,)))


def measure_images(
    site: Site,
    scratch: Path,
    *,
    images: int,
    tell: Callable[[str], None],
    until: str = STEPS[-1],
    where: Where = in_new_process,
) -> Iterator[StepCost]:
    """Measure a delivery of `images` images: planned with nothing known; planned, judged and published (or only `until`
    one of these `STEPS`) with everything known; and the same again with 10 % changed. Raises CutoutsError if the site's
    catalogue is not empty."""
    _require_empty(site)
    tables, recipe = open_store(site.tables_url), job_of(site).recipe.digests
    one, numbers = StepCost(step="", images=images, parts=1, catalog=_database(site)), np.arange(images)
    source = _manifest(scratch, manifest(numbers))
    yield where(replace(one, step="plan, nothing known", parts=0), Step(function=_plan, site=site, about=(source,)))
    tell(f"a ledger of {images} images is made")
    _record(tables, site, numbers)
    yield from _decided(site, source, one, "all known", until, where)
    changed = images // 10
    record(tables, recipe, f"{_PLAN + 1:032x}", results(numbers[:changed], recipe, changed=True))
    source = _manifest(scratch, manifest(numbers, changed=changed))
    yield from _decided(site, source, replace(one, parts=2), "10 % changed", until, where)


def _require_empty(site: Site) -> None:
    with Catalog.open(site.catalog_url) as catalog:
        if catalog.counts().publications:
            raise CutoutsError("the catalogue of this bench is not empty: name an empty database (--catalog)")


def _database(site: Site) -> str:
    return site.catalog_url.partition(":")[0].partition("+")[0]


def as_text(measured: Sequence[StepCost]) -> str:
    """A text table for people."""
    head = f"{'step':<28}{'images':>10}{'parts':>8}{'seconds':>10}{'CPU s':>9}{'peak MB':>9}{'requests':>10}  catalogue"
    lines = (
        f"{one.step:<28}{one.images:>10}{one.parts:>8}{one.seconds:>10.2f}{one.cpu_seconds:>9.2f}{one.peak_mb:>9.0f}"
        f"{'-' if one.requests is None else one.requests:>10}  {one.catalog}"
        for one in measured
    )
    return "\n".join([head, *lines])


def as_json(measured: Sequence[StepCost]) -> str:
    """The same as JSON for programs."""
    rows = [{name: value for name, value in asdict(one).items() if name != "key"} for one in measured]
    return json.dumps({"cores": machine_cores(), "measured": rows}, indent=2)


def _decided(site: Site, source: str, one: StepCost, words: str, until: str, where: Where) -> Iterator[StepCost]:
    key = source
    for step in STEPS[: STEPS.index(until) + 1]:
        done = where(replace(one, step=f"{step}, {words}"), Step(function=_FUNCTIONS[step], site=site, about=(key,)))
        key = done.key
        yield done


def _record(tables: Store, site: Site, numbers: NDArray[np.int64]) -> None:
    recipe = job_of(site).recipe.digests
    record(tables, recipe, f"{_PLAN:032x}", results(numbers, recipe))


def _manifest(scratch: Path, rows: pa.Table) -> str:
    name = f"manifest-{rows.num_rows}-{time.monotonic_ns()}"
    write_table(open_store(str(scratch)), f"{name}/date={DELIVERY.date}/part-0.parquet", rows)
    return str(scratch / name)


def _plan(site: Site, source: str) -> str:
    return plan(site, source, DELIVERY).plan_id


def _gate(site: Site, plan_id: str) -> str:
    return gate(site, plan_id).gate_id


def _publish(site: Site, gate_id: str) -> str:
    return publish(site, gate_id).gate_id


_FUNCTIONS = {"plan": _plan, "gate": _gate, "publish": _publish}
