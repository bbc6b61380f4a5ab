"""Work on a Dask scheduler: a bounded window of chunks in flight, each result handed over once."""

from __future__ import annotations

import itertools
import queue
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.errors import TransientError
from pipeline.runner.process import one_thread_per_chunk
from pipeline.runner.work import Attempt, Place

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_SECONDS = 60.0
"""How long a state in which nothing can finish may last before the map gives up (s)."""

_POLL_SECONDS = 5.0


class DaskRunner:
    """Maps over the workers of the scheduler that `client` is connected to; `cluster` is how people call it."""

    def __init__(self, client: Client, cluster: str) -> None:
        self._client = client
        self._cluster = cluster

    def describe(self) -> Place:
        """The workers that the scheduler has at this moment."""
        threads = self._ask("ncores")
        return Place(cluster=self._cluster, workers=len(threads), threads=sum(threads.values()))

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As `Runner.map` says. What is still in flight when the caller stops early is cancelled."""
        done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        in_flight: dict[str, Future] = {}
        tasks = zip(_keys(function), (_WorkerAttempt(function, item) for item in items), strict=False)
        try:
            while self._fill(in_flight, tasks, done):
                future = self._next(done, in_flight)
                del in_flight[future.key]
                yield _result(future)
        finally:
            if in_flight and self._client.status == "running":
                self._client.cancel(list(in_flight.values()), force=True)

    def _fill(
        self,
        in_flight: dict[str, Future],
        tasks: Iterator[tuple[str, Attempt]],
        done: queue.SimpleQueue[Future],
    ) -> bool:
        """Submit tasks up to the window of the workers there are now; whether anything is in flight."""
        room = self.describe().window - len(in_flight)
        for key, attempt in itertools.islice(tasks, max(0, room)):
            future = in_flight[key] = self._client.submit(attempt, key=key, pure=False)
            future.add_done_callback(done.put)
        return bool(in_flight)

    def _next(self, done: queue.SimpleQueue[Future], in_flight: dict[str, Future]) -> Future:
        """The next finished future; while none finishes, sees to it that one still can."""
        hopeless_since: float | None = None
        while True:
            try:
                return done.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                problem = self._problem(list(in_flight))
            now = time.monotonic()
            hopeless_since = None if problem is None else hopeless_since or now
            if problem and hopeless_since is not None and now - hopeless_since > PATIENCE_SECONDS:
                raise TransientError(f"{self._cluster} {problem}")

    def _problem(self, keys: list[str]) -> str | None:
        """Why none of these tasks can finish as things are; None where they can."""
        if not self._ask("ncores"):
            return "has no worker left; start workers and run again"
        states = self._ask("get_task_status", keys=keys)
        # A task that the scheduler dropped stays pending here for ever.
        if any(state is None for state in states.values()):
            return "has lost chunks that it was given; run again (was it restarted?)"
        return None

    def _ask(self, question: str, **arguments: object) -> dict[str, Any]:
        """What the scheduler answers. Raises TransientError once it is gone: what it had of ours is gone with it."""
        try:
            if self._client.status == "running":
                answer: dict[str, Any] = self._client.sync(getattr(self._client.scheduler, question), **arguments)
                return answer
        except (OSError, TimeoutError) as error:
            raise TransientError(f"{self._cluster} does not answer; run again when the scheduler is up") from error
        raise TransientError(f"{self._cluster} has closed the connection; run again when the scheduler is up")


class _WorkerAttempt(Attempt):
    """An attempt beside others in one process."""

    def __call__(self) -> Any:
        one_thread_per_chunk()
        return super().__call__()


def _keys(function: Callable[..., object]) -> Iterator[str]:
    """Keys that no other map has, for a reused one brings back its old result; the dashboard shows the name."""
    inner = function.func if isinstance(function, partial) else function
    prefix = f"{getattr(inner, '__name__', 'work')}-{uuid.uuid4().hex}"
    return (f"{prefix}-{number}" for number in itertools.count())


def _result(future: Future) -> Any:
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError

    try:
        return future.result()
    except KilledWorker as error:
        raise TransientError(
            f"a chunk was given up because every worker that took it died (the last was {error.last_worker.address}),"
            " most often of too little memory: give a worker fewer threads, or lower the site's chunk or max_pixels"
        ) from error
    except (FutureCancelledError, CommClosedError) as error:
        raise TransientError(f"the cluster lost a chunk ({error}); run again when it is up") from error
    finally:
        future.release()
