"""Decides where work runs: in a plain loop, in processes or on GPUs of this machine, or on a running scheduler.

Work is a function and its items; results come back as they complete. Only this package uses Dask.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cutouts.core.arguments import require_type
from cutouts.core.config import Site
from cutouts.runner.work import LazyRunner, Place, Runner, SerialRunner, Work

__all__ = ["Place", "Runner", "Work", "open_runner", "probe", "simulated_runner"]


@contextmanager
def open_runner(site: Site) -> Iterator[Runner]:
    """The runner that `site.cluster` names, for the length of the block. Everything that it started ends with the
    block.

    The cluster is opened when it is first used: a block without work starts no process and connects to nobody. The
    first use raises ConfigError if something that the site needs is missing (a GPU, certificates, matching versions),
    and TransientError if a scheduler or its workers do not answer.
    """
    require_type("site", site, Site)
    with ExitStack() as stack:
        yield SerialRunner() if site.cluster == "serial" else LazyRunner(lambda: stack.enter_context(_cluster(site)))


def probe(site: Site) -> Place:
    """Open the site's cluster, return its workers and threads, and close it. Raises the errors of a runner's first
    use."""
    with open_runner(site) as runner:
        return runner.describe()


@contextmanager
def simulated_runner(workers: int) -> Iterator[Runner]:
    """A runner of a real Dask scheduler whose `workers` are threads of this process: for work that only waits."""
    _quiet()
    from cutouts.runner.clusters import threads_as_workers
    from cutouts.runner.dask_log import quiet
    from cutouts.runner.dask_runner import DaskRunner

    with quiet(), threads_as_workers(workers) as client:
        yield DaskRunner(client, "simulated", processes=False)


@contextmanager
def _cluster(site: Site) -> Iterator[Runner]:
    _quiet()
    from cutouts.runner.clusters import cuda_cluster, local_cluster, standing_cluster
    from cutouts.runner.dask_log import quiet
    from cutouts.runner.dask_runner import DaskRunner

    connect = {"local": local_cluster, "cuda": cuda_cluster}.get(site.cluster, standing_cluster)
    with quiet(), connect(site) as client:
        yield DaskRunner(client, site.cluster)


def _quiet() -> None:
    """Keep Dask from logging each connection. Problems are still logged as warnings, and a level set by hand is
    kept."""
    import distributed  # noqa: F401 -- it sets its level when it is imported

    log = logging.getLogger("distributed")
    if log.level in (logging.NOTSET, logging.INFO):
        log.setLevel(logging.WARNING)
