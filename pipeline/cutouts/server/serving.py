"""Opens everything that the server needs, serves, and closes it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from ipaddress import ip_address

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from cutouts.core.renditions.rendition import Rendition
from cutouts.core.sources.locations import Reading, parse_prefixes
from cutouts.server.access import Access
from cutouts.server.limits import Limits, Pace
from cutouts.server.making import ServerJob
from cutouts.server.service import Service
from cutouts.server.waiting import Queue
from cutouts.server.workers import Workers, cutting
from cutouts.stages import Job, job_of
from cutouts.stages.cores import machine_cores
from cutouts.stages.memory_budget import machine_memory
from cutouts.stages.rendering import check_grounds

_MEMORY_SHARE = 0.8
"""Share of the machine's memory that all workers together may use."""
_HELD_IMAGES = 16
"""The bodies in memory may together have the size of this many of the largest images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """Where a server listens, and with how many workers it cuts."""

    host: str
    port: int
    workers: int
    model: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def serve(
    site: Site,
    *,
    on_ready: Callable[[RunningServer], object],
    renditions: Mapping[str, Rendition] | None = None,
    pace: Pace | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C. `on_ready` is called when requests are answered. Clients may order `renditions`.

    Raises ConfigError if the address is not available or needs a token, or if a rendition cannot be made, and
    ModelError if the network cannot be used.
    """
    check_grounds(tuple((renditions or {}).values()), site.max_pixels)
    from cutouts.server.app import make_app
    from cutouts.server.connections import run

    listener = _listening(site)
    with closing(listener):
        how = ServerJob(job=_job(site), renditions=renditions or {})
        limits = limits_of(site, pace or Pace())
        queue = Queue(site.serve_queue)
        count = _worker_count(site)
        memory = int(_MEMORY_SHARE * machine_memory())
        workers = Workers(cutting(how), queue, count=count, batch=how.job.batch_images, memory=memory)
        try:
            service = Service(queue, workers, limits, _reading(site))
            host, port = listener.getsockname()[:2]
            on_ready(RunningServer(host=host, port=port, workers=count, model=site.model))
            run(make_app(service, Access(token=site.serve_token), site.model, how.renditions), listener, limits)
        finally:
            queue.close()
            workers.close()


def limits_of(site: Site, pace: Pace) -> Limits:
    """The limits that a site's settings mean."""
    most = min(site.serve_bytes, site.max_bytes)
    return Limits(image_bytes=most, held_bytes=_HELD_IMAGES * most, seconds=site.serve_seconds, pace=pace)


def _worker_count(site: Site) -> int:
    """One worker per core, or one for a GPU, unless the site says otherwise."""
    return site.workers or (machine_cores() if site.provider == "cpu" else 1)


def _job(site: Site) -> Job:
    """The work of this site's workers: no image takes a worker longer than a client waits."""
    job = job_of(site)
    return replace(job, image_seconds=min(site.image_seconds, site.serve_seconds))


def _reading(site: Site) -> Reading:
    """The addresses that a client may name: `allowed_sources`, and not this site's own buckets."""
    allowed = parse_prefixes(site.allowed_sources)
    return Reading(allowed=allowed, max_bytes=site.max_bytes, seconds=site.read_seconds)


def _listening(site: Site) -> socket.socket:
    """A socket at the site's address. Raises ConfigError."""
    title = f"the server cannot listen on {site.serve_host}:{site.serve_port}"
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(
            site.serve_host, site.serve_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        if site.serve_token is None and not ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise ConfigError(title, ["other machines can reach it: set serve_token, or listen on 127.0.0.1"])
        return _bound(family, kind, address)
    except OSError as error:
        raise ConfigError(title, [f"{error.strerror or error}: set serve_host and serve_port"]) from error


def _bound(family: int, kind: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except BaseException:
        listener.close()
        raise
    return listener
