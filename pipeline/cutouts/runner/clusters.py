"""Opens and closes clusters: the processes or GPUs of this machine, or a connection to a running scheduler."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.resource_tracker import ensure_running
from typing import TYPE_CHECKING, Any

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, TransientError
from cutouts.core.text.display import command
from cutouts.runner.gpus import visible_gpus
from cutouts.runner.layout import Gpu, Layout, layout
from cutouts.stages.cores import machine_cores

if TYPE_CHECKING:
    from distributed import Client, Security

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer (s)."""
WORKERS_SECONDS = 60.0
"""How long to wait for a scheduler's first worker (s)."""

_PACKAGES = ("cutouts", "dask", "distributed")
_CALM = {
    # An idle cluster of two workers costs 15 % of a core with the defaults, 2 % with these.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.tick.limit": "30s",
}
_SETTINGS = {
    # Ctrl-C reaches every process of the terminal; only the main process handles it, and then ends the workers.
    "distributed.worker.preload": ["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"],
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",  # `keep_freed_memory` comes too late for threads that exist already
        "DASK_LOGGING__DISTRIBUTED": "critical",
    },
    # A nanny always starts its worker again, but by default the cluster ends a nanny whose worker is away for 15 s. A
    # busy machine may need longer, and would have no worker left.
    "distributed.deploy.lost-worker-timeout": "1 day",
    **_CALM,
}

# Even without a dashboard a scheduler serves a page, by default on the same port for all schedulers.
_SCHEDULER = {"dashboard_address": "127.0.0.1:0"}
_LOCAL = {"host": "127.0.0.1", "protocol": "tcp://", "dashboard": False}


@contextmanager
def local_cluster(site: Site) -> Iterator[Client]:
    """A client of worker processes on this machine; they end with the block."""
    with _processes(_layout(site)) as client:
        yield client


@contextmanager
def cuda_cluster(site: Site) -> Iterator[Client]:
    """The same with one or several processes per GPU of this machine. Raises ConfigError if there is no GPU."""
    gpus = visible_gpus()
    if not gpus:
        raise ConfigError("cluster='cuda' is not available", ["no NVIDIA GPU or driver found; use local or serial"])
    with _processes(_layout(site, gpus)) as client:
        yield client


def _layout(site: Site, gpus: Sequence[Gpu] = ()) -> Layout:
    from distributed.system import MEMORY_LIMIT

    chosen = layout(site, cores=machine_cores(), memory=MEMORY_LIMIT, gpus=gpus)
    _log.info("layout: %s", chosen)
    return chosen


@contextmanager
def _processes(chosen: Layout) -> Iterator[Client]:
    """A client of worker processes in this layout, which end with the block.

    dask-cuda's own cluster has one process per GPU: it names its workers after their GPUs.
    """
    import dask
    from distributed import Client, Scheduler, SpecCluster

    with dask.config.set(_SETTINGS), _environment_kept(), _plain_main(), ExitStack() as opened:
        with _start_errors(), _starting_without_ctrl_c():
            cluster = SpecCluster(
                workers={number: _worker(chosen, number) for number in range(chosen.workers)},
                scheduler={"cls": Scheduler, "options": {**_LOCAL, **_SCHEDULER}},
                silence_logs=logging.ERROR,
            )
            opened.enter_context(_closing(cluster))
        yield opened.enter_context(_closing(Client(cluster, set_as_default=False)))


@contextmanager
def _starting_without_ctrl_c() -> Iterator[None]:
    """Block Ctrl-C in threads that start in the block, and in all processes that these start. It comes after the block.

    A worker ignores Ctrl-C by its preload, but only once its imports are done: before, it would print a traceback.
    """
    ensure_running()  # it unblocks Ctrl-C when it starts the tracker (Python 3.11), in the thread of the first worker
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _worker(chosen: Layout, number: int) -> dict[str, Any]:
    """A process that is started again if it dies, and sees its own GPU again then."""
    from distributed import Nanny

    options = {
        **_LOCAL,
        "nthreads": chosen.threads,
        "memory_limit": chosen.memory,
        "env": chosen.environment(number),
        "silence_logs": logging.ERROR,
    }
    return {"cls": Nanny, "options": options}


@contextmanager
def threads_as_workers(workers: int) -> Iterator[Client]:
    """A client of a scheduler with `workers` workers of one thread, all in this process, for work that only waits.

    They talk over TCP as separate machines do, so the scheduler has as much to do as in a real cluster of that size.
    """
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(_CALM), _environment_kept():
        with _start_errors():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=False,
                protocol="tcp://",
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,  # each would count the memory of the whole process as its own, and pause
                scheduler_kwargs=_SCHEDULER,
                silence_logs=logging.ERROR,
            )
        with _closing(cluster), _closing(Client(cluster, set_as_default=False)) as client:
            yield client


@contextmanager
def _start_errors() -> Iterator[None]:
    """Raise TransientError if Dask's processes do not start: the machine may be out of memory or ports."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise TransientError(
            f"the workers on this machine did not start ({error}); run again when the machine is less busy"
        ) from error


@contextmanager
def standing_cluster(site: Site) -> Iterator[Client]:
    """A client of the scheduler at `site.cluster`, which has workers with the same versions as this process.

    Raises ConfigError if certificates are missing or versions differ, TransientError if the scheduler or its workers do
    not answer.
    """
    address = site.cluster
    with _closing(_connected(address, _security(site))) as client:
        try:
            _await_workers(client, address)
            _check_versions(client, address)
        except OSError as error:
            raise TransientError(f"{address} closed the connection; run again when it is up") from error
        yield client


def _connected(address: str, security: Security | None, tries: int = 3) -> Client:
    """A client of the scheduler at `address`. Raises TransientError if it does not answer.

    Dask asserts that the scheduler's first answer has nothing else in its message. If another client cancels work at
    that moment, the scheduler tells all clients, possibly in the same message. In that case the connection is tried
    again.
    """
    from cutouts.runner.dask_client import ConnectingClient

    try:
        return ConnectingClient(address, security=security, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError) as error:
        raise TransientError(
            f"no Dask scheduler answers at {address} within {CONNECT_SECONDS:.0f} s; start one with `dask scheduler`,"
            " or set cluster to local"
        ) from error
    except AssertionError as error:
        if tries == 1:
            raise TransientError(
                f"the Dask scheduler at {address} is too busy to accept a connection; try again later"
            ) from error
        return _connected(address, security, tries - 1)


def _security(site: Site) -> Security | None:
    if not site.cluster.startswith("tls://"):
        return None
    files = {"tls_ca_file": site.tls_ca_file, "tls_cert": site.tls_cert, "tls_key": site.tls_key}
    missing = [f"{name} is not set" for name, value in files.items() if not value]
    if missing:
        raise ConfigError(f"{site.cluster} needs certificates", missing)
    from distributed import Security

    return Security(
        tls_ca_file=site.tls_ca_file,
        tls_client_cert=site.tls_cert,
        tls_client_key=site.tls_key,
        require_encryption=True,
    )


def _await_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError as error:
        raise TransientError(
            f"the scheduler at {address} has had no worker for {WORKERS_SECONDS:.0f} s; start one with"
            f" `{command('dask', 'worker', address, '--dashboard-address', '127.0.0.1:0')}`"
        ) from error


def _check_versions(client: Client, address: str) -> None:
    """Raise ConfigError if versions differ: a worker with other code would label its pixels with a recipe that did not
    make them."""
    found = client.get_versions(packages=_PACKAGES)
    ours = found["client"]["packages"]
    theirs = {"the scheduler": found["scheduler"], **found["workers"]}
    problems = [
        f"{name}: {where} has {their['packages'].get(name) or 'none'}, we have {ours.get(name) or 'none'}"
        for where, their in theirs.items()
        for name in _PACKAGES
        if their["packages"].get(name) != ours.get(name)
    ]
    if problems:
        raise ConfigError(f"{address} runs other versions; install the same versions everywhere", problems)


@contextmanager
def _closing(opened: Any) -> Iterator[Any]:
    """A cluster or client that is closed at the end of the block. On a busy machine, closing may time out. The results
    are complete by then, so the remaining workers are simply killed."""
    try:
        yield opened
    finally:
        try:
            opened.close()
        except TimeoutError:
            _log.warning("%r did not close in time", opened)
            for nanny in getattr(opened, "workers", {}).values():
                with suppress(ProcessLookupError, TypeError, ValueError):
                    os.kill(nanny.pid, signal.SIGKILL)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Restore the caller's environment after the block: Dask and this module set variables in it for the workers to
    inherit."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _plain_main() -> Iterator[None]:
    """Keep spawned and restarted workers from running our main program again, or files in the working folder.

    A script without a main guard would open clusters endlessly, and Airflow's program has no database in a task. A
    spawned Python process looks for modules in the working folder first, and the files there may come from a stranger.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    spec = main.__dict__.get("__spec__")
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file
