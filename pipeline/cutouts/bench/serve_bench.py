"""`cutouts serve` under load: how long clients wait, how many images a second, and whether memory stays flat."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np

from cutouts.bench.bench import growth
from cutouts.bench.lone import unavoidable_ms
from cutouts.bench.machine import Machine
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.text.counting import counted
from cutouts.stages import job_of

_MAIN = "from cutouts.cli import main; main()"
_TIMED_IMAGES = 48
"""The largest number of images whose unavoidable parts are timed."""
_POINTS = 100
"""Points of the memory curve."""
_SECONDS = 300.0
"""How long one request may take (s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A running server, and the token that it asks for."""

    port: int
    token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """One request: its status, and how long it took (ms)."""

    status: int
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`requests` of `clients` at a time. Times are of the answers with a picture."""

    clients: int
    requests: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def images_per_second(self) -> float:
        """Throughput."""
        return (self.requests - self.refused) / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeReport:
    """All loads on the same `images`. `unavoidable_ms` is the median time of decode, network and encode of one image on
    one core, without a server. `curve` has points of finished requests and memory (MB) of the server with its workers.
    """

    machine: Machine
    images: int
    workers: int
    unavoidable_ms: float
    loads: tuple[Load, ...]
    curve: tuple[tuple[int, float], ...]

    @property
    def growth_mb(self) -> float | None:
        """Growth of memory over the second half of all requests (MB per 1000); None for few requests."""
        return growth(self.curve)


def measure_serve(
    files: Sequence[bytes],
    options: Sequence[str],
    *,
    clients: Sequence[int],
    requests: int,
    site: Site,
    machine: Machine,
    on_load: Callable[[str], None],
) -> ServeReport:
    """Start `cutouts serve` with these options, and send it `requests` requests for cutouts per number of clients.
    `site` has the same settings.

    Images that it refuses are left out. Raises ConfigError if the server does not start, or refuses every image.
    """
    with _running(options, site.serve_token) as target:
        files = _good(target, files)
        unavoidable = _unavoidable_ms(site, files)
        workers = round(_metric(target, "cutouts_workers"))
        curve: list[tuple[int, float]] = []
        loads = []
        for count in clients:
            on_load(counted(count, "client"))
            loads.append(_measured(target, files, clients=count, requests=requests, curve=curve))
    return ServeReport(
        machine=machine,
        images=len(files),
        workers=workers,
        unavoidable_ms=unavoidable,
        loads=tuple(loads),
        curve=tuple(curve),
    )


def _unavoidable_ms(site: Site, files: Sequence[bytes]) -> float:
    """The median over the first images, while the server has nothing to do."""
    job = job_of(site)
    unavoidable_ms(job, files[0])
    return median(unavoidable_ms(job, image) for image in files[:_TIMED_IMAGES])


def _good(target: Target, files: Sequence[bytes]) -> list[bytes]:
    """The images that can be cut; cutting them once also warms the server up."""
    connection = _connection(target)
    good = [image for image in files if _exchange(connection, target, image).status == 200]
    connection.close()
    if not good:
        raise ConfigError("no image to measure with", ["the server refuses every image"])
    return good


def as_json(report: ServeReport) -> str:
    """Everything in the report, with computed values."""
    loads = [{**asdict(load), "images_per_second": load.images_per_second} for load in report.loads]
    return json.dumps({**asdict(report), "growth_mb": report.growth_mb, "loads": loads}, indent=2)


def as_text(report: ServeReport) -> str:
    """A text table for people."""
    alone = report.unavoidable_ms
    lines = [
        str(report.machine),
        f"{counted(report.images, 'image')}, {counted(report.workers, 'worker')}; decode + network + encode of one "
        f"image take {alone:.0f} ms on one core",
        f"{'clients':>8}{'requests':>10}{'refused':>9}{'p50 ms':>9}{'p99 ms':>9}{'images/s':>10}{'p50 ratio':>11}"
        f"{'p99 ratio':>11}{'busy':>8}",
    ]
    for load in report.loads:
        busy = load.images_per_second * alone / 1000 / report.workers
        lines.append(
            f"{load.clients:>8}{load.requests:>10}{load.refused:>9}{load.p50_ms:>9.0f}{load.p99_ms:>9.0f}"
            f"{load.images_per_second:>10.2f}{load.p50_ms / alone:>11.2f}{load.p99_ms / alone:>11.2f}{busy:>8.0%}"
        )
    told = "ratio: time / (decode + network + encode on one core); busy: share of the workers' time that these take"
    lines.append(told)
    return "\n".join([*lines, _memory(report)])


def _memory(report: ServeReport) -> str:
    told = "not reported for so few requests" if report.growth_mb is None else f"{report.growth_mb:+.2f} MB per 1000"
    peak = max((size for _, size in report.curve), default=0.0)
    return f"memory of the server and its workers: peak {peak:.0f} MB, growth over the second half {told}"


def _measured(
    target: Target, files: Sequence[bytes], *, clients: int, requests: int, curve: list[tuple[int, float]]
) -> Load:
    began = time.perf_counter()
    seen = list(_load(target, files, clients=clients, requests=requests, watched=curve))
    seconds = time.perf_counter() - began
    good = [one for one in seen if one.status == 200]
    times = [one.ms for one in good] or [float("nan")]
    return Load(
        clients=clients,
        requests=len(seen),
        refused=len(seen) - len(good),
        seconds=seconds,
        p50_ms=float(np.percentile(times, 50)),
        p99_ms=float(np.percentile(times, 99)),
    )


def _load(
    target: Target, files: Sequence[bytes], *, clients: int, requests: int, watched: list[tuple[int, float]]
) -> Iterator[Exchanged]:
    """Send requests from `clients` threads, each on a connection of its own, one after the other."""
    numbers, lock = itertools.count(), threading.Lock()
    every, before = max(1, requests // _POINTS), watched[-1][0] if watched else 0

    def client(_: int) -> list[Exchanged]:
        seen = []
        connection = _connection(target)
        while (number := next(numbers)) < requests:
            seen.append(_exchange(connection, target, files[number % len(files)]))
            if number % every == every - 1:
                with lock:
                    watched.append((before + number + 1, _metric(target, "cutouts_resident_bytes") / 1e6))
        connection.close()
        return seen

    with ThreadPoolExecutor(clients) as pool:
        for seen in pool.map(client, range(clients)):
            yield from seen
    watched.sort()


def _exchange(connection: http.client.HTTPConnection, target: Target, image: bytes) -> Exchanged:
    began = time.perf_counter()
    connection.request("POST", "/v1/cutout", image, {"Content-Type": "application/octet-stream", **_auth(target)})
    answer = connection.getresponse()
    answer.read()
    ms = 1000 * (time.perf_counter() - began)
    return Exchanged(status=answer.status, ms=ms)


def _metric(target: Target, name: str) -> float:
    connection = _connection(target)
    connection.request("GET", "/metrics", headers=_auth(target))
    text = connection.getresponse().read().decode()
    connection.close()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))


def _connection(target: Target) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", target.port, timeout=_SECONDS)


def _auth(target: Target) -> dict[str, str]:
    return {"Authorization": f"Bearer {target.token}"} if target.token else {}


@contextmanager
def _running(options: Sequence[str], token: str | None) -> Iterator[Target]:
    """A server on a free port of this machine, ended after the block. Raises ConfigError if it does not start."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MAIN, "serve", "--host", "127.0.0.1", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Target(port=_port(process), token=token)
        finally:
            process.terminate()


def _port(process: subprocess.Popen[str]) -> int:
    told = []
    for line in process.stderr or ():
        told.append(line)
        if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise ConfigError("the server does not start", told)
