"""The results of a bench, as records. Milliseconds are per image on one thread; memory is resident memory."""

from __future__ import annotations

from dataclasses import dataclass

from cutouts.bench.lone import Lone
from cutouts.bench.machine import Machine

PARTS = ("read", "decode", "fit", "network", "closer look", "matte", "cutout", "encode", "measure", "store")
"""The parts of the path: read and hash, decode, make the network's input, run the network, look closer at
small products, matte, cutout, encode two PNGs, measure, and write."""
UNAVOIDABLE = ("decode", "network", "encode")
"""The parts that no implementation of the path can avoid."""
AIM = 1.2
"""The whole path should cost no more than this times its unavoidable parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTiming:
    """One part of the path, run alone on each image: ms per image."""

    name: str
    ms: float
    unavoidable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The whole path for `images` images, with `batch` per model call. `busy` is the share of time in which threads
    worked.

    `open_seconds` is the time until the cluster was open, `first_seconds` until it had cut its first image. `peak_mb`
    (10⁶ B) is the sum over all workers. `growth_mb` is per 1000 images over the second half, None below
    `bench.GROWTH_IMAGES`. `curve` has points of finished images and MB of all workers.
    """

    cluster: str
    workers: int
    threads: int
    batch: int
    images: int
    seconds: float
    busy: float
    prepare_ms: float
    infer_ms: float
    finish_ms: float
    open_seconds: float
    first_seconds: float
    peak_mb: float
    growth_mb: float | None
    curve: tuple[tuple[int, float], ...]

    @property
    def images_per_second(self) -> float:
        """Throughput with warm workers."""
        return self.images / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """`parts` and `whole_ms` were measured in turns on the same threads and images; `run` is the site's own layout, and
    `model` its network.

    `left_out` images could not be decoded. `cut_seconds` is the time of `cutouts cut` for one image, from start to end,
    and `lone` that of single images by a `Cutter`.
    """

    machine: Machine
    model: str
    source: str
    images: int
    left_out: int
    megapixels: float
    threads: int
    parts: tuple[PartTiming, ...]
    whole_ms: float
    lone: Lone
    run: Run
    others: tuple[Run, ...]
    cut_seconds: float

    @property
    def unavoidable_ms(self) -> float:
        """The sum of decode, network and encode (ms)."""
        return sum(part.ms for part in self.parts if part.unavoidable)

    @property
    def ratio(self) -> float:
        """The ratio of the whole path to its unavoidable parts; it should be at most `AIM`."""
        return self.whole_ms / self.unavoidable_ms

    @property
    def lone_ratio(self) -> float:
        """The ratio of a single image on all cores to its unavoidable parts on one core."""
        return self.lone.cutter_ms / self.lone.unavoidable_ms

    @property
    def ratio_with_runner(self) -> float:
        """The same ratio, including the time in which threads waited for work."""
        return self.ratio / self.run.busy

    @property
    def network_images_per_second(self) -> float:
        """Images per second if all threads only ran the network."""
        return 1000 * self.threads / next(part.ms for part in self.parts if part.name == "network")
