"""What a bench found out, as records; milliseconds are of one thread per image, memory is resident."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("read", "decode", "fit", "network", "matte", "cutout", "encode", "measure", "store")
"""The path in parts: read and hash, decode, network's input, bare network, matte, cutout, two PNGs, metrics, write."""
UNAVOIDABLE = ("decode", "network", "encode")
"""What no implementation of the path can leave out."""
AIM = 1.25
"""The whole path should cost no more than this times its unavoidable parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTiming:
    """One part of the path, run by itself on each image: ms per image."""

    name: str
    ms: float
    unavoidable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The whole path over `images`, `batch` to a model call. `busy` is the share of the threads' time that was work.

    `open_seconds` until the cluster stood, `first_seconds` until it had cut its first image; `peak_mb` (10⁶ B) of all
    workers; `growth_mb` per 1000 images over the second half, None below `bench.GROWTH_IMAGES`; `curve` are
    points of images done and MB of all workers.
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
        """Throughput once the workers were warm."""
        return self.images / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchReport:
    """`parts` and `whole_ms` were taken in turns on the same threads and images; `run` is the site's own layout.

    `left_out` images could not be decoded. `cut_seconds` is `cutouts cut` of one image, start to end.
    """

    source: str
    images: int
    left_out: int
    megapixels: float
    threads: int
    parts: tuple[PartTiming, ...]
    whole_ms: float
    run: Run
    others: tuple[Run, ...]
    cut_seconds: float

    @property
    def unavoidable_ms(self) -> float:
        """Decode, bare network and encode."""
        return sum(part.ms for part in self.parts if part.unavoidable)

    @property
    def ratio(self) -> float:
        """The whole path's work over its unavoidable parts; `AIM` is the aim."""
        return self.whole_ms / self.unavoidable_ms

    @property
    def ratio_with_runner(self) -> float:
        """The same with what the threads waited for work counted in."""
        return self.ratio / self.run.busy

    @property
    def network_images_per_second(self) -> float:
        """What as many threads do if they only call the network."""
        return 1000 * self.threads / next(part.ms for part in self.parts if part.name == "network")
