"""The one room that knows where work runs: a plain loop, processes or GPUs of this machine, a running scheduler.

Work is a function and its items; results come back as they complete. Dask enters here and nowhere below.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cutouts.core.config import Site
from cutouts.runner.work import LazyRunner, Place, Runner, SerialRunner, Work

__all__ = ["Place", "Runner", "Work", "open_runner", "probe"]


@contextmanager
def open_runner(site: Site) -> Iterator[Runner]:
    """The runner that `site.cluster` names, until the block ends; nothing that it started outlives the block.

    The cluster is opened when it is first used: a block without work starts no process and connects to nobody. The
    first use raises ConfigError if the site asks for what is not there (a GPU, certificates, matching versions) and
    TransientError if a scheduler or its workers do not answer.
    """
    with ExitStack() as stack:
        yield SerialRunner() if site.cluster == "serial" else LazyRunner(lambda: stack.enter_context(_cluster(site)))


def probe(site: Site) -> Place:
    """Open the site's cluster, see what it has, close it; raises what the first use of a runner raises."""
    with open_runner(site) as runner:
        return runner.describe()


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
    """Keep Dask from telling of each connection; what goes wrong is a warning, and a level set by hand stays."""
    import distributed  # noqa: F401 sets its level while it is imported

    log = logging.getLogger("distributed")
    if log.level in (logging.NOTSET, logging.INFO):
        log.setLevel(logging.WARNING)
