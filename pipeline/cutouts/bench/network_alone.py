"""How many images a network processes in a second if nothing else is done: one process, one call at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from cutouts.adapters.images import decode
from cutouts.adapters.model import open_network
from cutouts.adapters.storage.sources.reading import read_image
from cutouts.core.config import Site
from cutouts.core.matting.preprocess import network_input
from cutouts.core.records import ImageRecord
from cutouts.runner import open_runner
from cutouts.stages import Job, job_of

_WARM_CALLS = 2
_CALLS = 3
"""The smallest number of calls that are timed."""
_SECONDS = 0.5
"""The shortest time for which calls are timed (s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAlone:
    """A network that is called with `batch` images at a time, by the same function as in a run."""

    model: str
    provider: str
    batch: int
    images_per_second: float


def networks_alone(
    site: Site,
    record: ImageRecord,
    *,
    models: Sequence[str],
    batches: Sequence[int],
    on_result: Callable[[NetworkAlone], None],
) -> Iterator[NetworkAlone]:
    """Measure each network with each batch size, on one thread of one of the site's workers."""
    for model in models:
        one = site.model_copy(update={"model": model, "workers": 1, "threads": 1})
        with open_runner(one) as runner:
            for batch in batches:
                (speed,) = runner.map(partial(_images_per_second, job_of(one), batch), [record])
                on_result(found := _found(one, batch, speed))
                yield found


def _found(site: Site, batch: int, speed: float) -> NetworkAlone:
    return NetworkAlone(model=site.model, provider=site.provider, batch=batch, images_per_second=speed)


def _images_per_second(job: Job, batch: int, record: ImageRecord) -> float:
    """The first calls are not counted: a GPU prepares itself for each new batch size."""
    network = open_network(job.choice)
    photograph = decode(read_image(record.uri, job.reading), max_pixels=job.max_pixels)
    inputs = [network_input(photograph, job.recipe.preprocessing)] * batch
    for _ in range(_WARM_CALLS):
        network.saliency(inputs)
    calls, began = 0, time.perf_counter()
    while calls < _CALLS or time.perf_counter() - began < _SECONDS:
        network.saliency(inputs)
        calls += 1
    return calls * batch / (time.perf_counter() - began)
