"""The one room that knows where work runs: a plain loop, processes or GPUs of this machine, a running scheduler.

Work is a function and its items; results come back as they complete. Dask enters here and nowhere below.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.core.config import Site
from pipeline.runner.work import Place, Runner, SerialRunner

__all__ = ["Place", "Runner", "open_runner", "probe"]


@contextmanager
def open_runner(site: Site) -> Iterator[Runner]:
    """The runner that `site.cluster` names, until the block ends; nothing that it started outlives the block.

    Raises ConfigError where the site asks for what is not there (a GPU, certificates, matching versions) and
    TransientError where a scheduler or its workers do not answer.
    """
    if site.cluster == "serial":
        yield SerialRunner()
        return
    from pipeline.runner.clusters import cuda_cluster, local_cluster, standing_cluster
    from pipeline.runner.scheduled import DaskRunner

    connect = {"local": local_cluster, "cuda": cuda_cluster}.get(site.cluster, standing_cluster)
    with connect(site) as client:
        yield DaskRunner(client, site.cluster)


def probe(site: Site) -> Place:
    """Open the site's cluster, see what it has, close it; raises as `open_runner` does."""
    with open_runner(site) as runner:
        return runner.describe()
