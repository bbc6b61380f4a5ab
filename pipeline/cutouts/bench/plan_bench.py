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

from cutouts.adapters.catalog import Catalog
from cutouts.adapters.quality.library import library
from cutouts.adapters.storage.request_count import counted_requests
from cutouts.adapters.storage.store import Store, open_store
from cutouts.adapters.storage.stored_tables import write_table
from cutouts.bench.made_ledgers import DELIVERY, manifest, results, write_parts
from cutouts.bench.worker import forget_peak, memory
from cutouts.core.config import Site
from cutouts.core.errors import CutoutsError
from cutouts.core.records import RecipeDigests
from cutouts.stages import job_of
from cutouts.stages.cores import machine_cores
from cutouts.steps import gate, plan, publish
from cutouts.steps.ledger import record


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
    """A step on a site, called with the key (or the manifest) that it is about; it returns the key of its result."""

    function: Callable[[Site, str], str]
    site: Site
    about: str


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
    key = step.function(step.site, step.about)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBench:
    """Measures the steps of deliveries on a site that is made for this, without cutting an image.

    Manifests are made below `scratch`, and `tell` hears of the progress. `until` is the last of the `STEPS` that is
    measured; `where` measures each.
    """

    site: Site
    scratch: Path
    tell: Callable[[str], None]
    until: str = STEPS[-1]
    where: Where = in_new_process

    def measure_parts(self, parts: int, *, per_part: int, images: int) -> Iterator[StepCost]:
        """Measure a delivery of known images from random parts of a ledger with `parts` parts: its first plan, a later
        plan, and its gate unless `until` is the plan."""

        def told(done: int) -> None:
            if done % 1_000 == 0 or done == parts:
                self.tell(f"{done} of {parts} parts of the ledger made")

        write_parts(self._tables, self._recipe, parts=parts, images=per_part, tell=told)
        known = np.sort(np.random.default_rng(1).permutation(parts * per_part)[:images])
        source = self._manifest(manifest(known))
        one = StepCost(step="first plan, which joins", images=len(known), parts=parts, catalog=self._database)
        yield self._measured("plan", source, one)
        made = self._measured("plan", source, replace(one, step="plan"))
        yield made
        if self.until != "plan":
            yield self._measured("gate", made.key, replace(one, step="gate"))

    def measure_images(self, images: int) -> Iterator[StepCost]:
        """Measure a delivery of `images` images: planned with nothing known; planned, judged and published (or only
        `until` one of these) with everything known; and the same again with 10 % changed. Raises CutoutsError if the
        site's catalogue is not empty."""
        _require_empty(self.site)
        numbers, changed = np.arange(images), images // 10
        one = StepCost(step="plan, nothing known", images=images, parts=0, catalog=self._database)
        source = self._manifest(manifest(numbers))
        yield self._measured("plan", source, one)
        self.tell(f"a ledger of {images} images is made")
        record(self._tables, self._recipe, f"{1:032x}", results(numbers, self._recipe))
        yield from self._decided(source, "all known", replace(one, parts=1))
        record(self._tables, self._recipe, f"{2:032x}", results(numbers[:changed], self._recipe, changed=True))
        source = self._manifest(manifest(numbers, changed=changed))
        yield from self._decided(source, "10 % changed", replace(one, parts=2))

    def _decided(self, source: str, words: str, one: StepCost) -> Iterator[StepCost]:
        """The steps of a delivery, each about the result of the one before it."""
        key = source
        for step in STEPS[: STEPS.index(self.until) + 1]:
            done = self._measured(step, key, replace(one, step=f"{step}, {words}"))
            key = done.key
            yield done

    def _measured(self, step: str, about: str, one: StepCost) -> StepCost:
        return self.where(one, Step(function=_FUNCTIONS[step], site=self.site, about=about))

    def _manifest(self, rows: pa.Table) -> str:
        name = f"manifest-{rows.num_rows}-{time.monotonic_ns()}"
        write_table(open_store(str(self.scratch)), f"{name}/date={DELIVERY.date}/part-0.parquet", rows)
        return str(self.scratch / name)

    @property
    def _tables(self) -> Store:
        return open_store(self.site.tables_url)

    @property
    def _recipe(self) -> RecipeDigests:
        return job_of(self.site).recipe.digests

    @property
    def _database(self) -> str:
        return self.site.catalog_url.partition(":")[0].partition("+")[0]


def _require_empty(site: Site) -> None:
    with Catalog.open(site.catalog_url) as catalog:
        if catalog.counts().publications:
            raise CutoutsError("the catalogue of this bench is not empty: name an empty database (--catalog)")


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


def _plan(site: Site, source: str) -> str:
    return plan(site, source, DELIVERY).plan_id


def _gate(site: Site, plan_id: str) -> str:
    return gate(site, plan_id).gate_id


def _publish(site: Site, gate_id: str) -> str:
    return publish(site, gate_id).gate_id


_FUNCTIONS = {"plan": _plan, "gate": _gate, "publish": _publish}
