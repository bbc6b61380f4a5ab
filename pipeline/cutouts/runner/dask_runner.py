"""Runs work on a Dask scheduler: a limited number of chunks is in flight, and each result is returned once.

Each chunk is bound to one worker. If the worker dies, Dask cannot move the chunk to a second worker and end that too:
the chunk comes back to us, and its parts are processed one by one in separate processes (`isolated`).
"""

from __future__ import annotations

import itertools
import logging
import queue
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cutouts.core.errors import TransientError
from cutouts.core.text.counting import counted
from cutouts.runner.dask_scheduler import LostError, NotYetError, Scheduler
from cutouts.runner.isolated import Isolated
from cutouts.runner.work import Attempt, Place, Work, one_by_one
from cutouts.runner.worker_setup import become_worker, one_thread_per_chunk
from cutouts.stages.memory_budget import machine_memory, process_memory

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

PATIENCE_SECONDS = 60.0
"""The time (s) after which the map gives up if no chunk can finish."""
LOSSES = 4
"""How many workers may die while they work on an item, for any reason, before the map gives up."""

_POLL_SECONDS = 1.0
_log = logging.getLogger(__name__)


class DaskRunner:
    """Maps over the workers of the scheduler that `client` is connected to; `cluster` is its name for people.

    Without `processes`, the workers are threads of a person's own program, which no image may end.
    """

    def __init__(self, client: Client, cluster: str, *, processes: bool = True) -> None:
        self._scheduler = Scheduler(client, cluster)
        self._processes = processes

    def describe(self) -> Place:
        """The workers that the scheduler has now."""
        threads = self._scheduler.threads()
        return Place(cluster=self._scheduler.cluster, workers=len(threads), threads=sum(threads.values()))

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """As `Runner.map` says. If the caller stops early, chunks in flight are cancelled."""
        flights = _Flights(self._scheduler, function, items, processes=self._processes)
        try:
            yield from flights.results()
        finally:
            flights.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order(Generic[T]):
    """An item to work on, and the number of workers that died with it."""

    item: T
    losses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight(Generic[T]):
    """An order in progress on a worker."""

    order: _Order[T]
    worker: str
    future: Future


class _Flights(Generic[T, R]):
    """One map: the items in flight, the items to try again, and the items that were not started yet."""

    def __init__(
        self, scheduler: Scheduler, function: Callable[[T], R], items: Iterable[T], *, processes: bool
    ) -> None:
        self._scheduler, self._function, self._processes = scheduler, function, processes
        self._items: Iterator[T] = iter(items)
        self._all_drawn = False
        self._again: deque[_Order[T]] = deque()
        self._in_flight: dict[str, _Flight[T]] = {}
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._keys = _keys(function)
        self._paused: dict[str, float] = {}
        self._released = 0.0
        self._hopeless_since: float | None = None

    def results(self) -> Iterator[R]:
        """The results of all items, as they complete."""
        while self._fill():
            flight = self._next()
            if flight is not None:
                yield from self._landed(flight)

    def cancel(self) -> None:
        """Remove all tasks in flight from the scheduler."""
        self._scheduler.forget([flight.future for flight in self._in_flight.values()])
        self._in_flight.clear()

    def _fill(self) -> bool:
        """Give each worker one item per thread and one more. Returns whether any work is left."""
        running = self._scheduler.running()
        self._look_after(set(running))
        busy = Counter(flight.worker for flight in self._in_flight.values())
        free = {worker: count + 1 - busy[worker] for worker, count in running.items()}
        while free:
            worker = max(free, key=free.__getitem__)
            order = self._draw(worker) if free[worker] > 0 else None
            if order is None:
                del free[worker]
            else:
                self._start(order, worker)
                free[worker] -= 1
        return bool(self._in_flight or self._again) or not self._all_drawn

    def _draw(self, worker: str) -> _Order[T] | None:
        """The worker's next order; it gets only one order at a time that must be isolated."""
        isolating = any(one.worker == worker and self._isolates(one.order) for one in self._in_flight.values())
        if self._again and not isolating:
            return self._again.popleft()
        for item in self._items:
            return _Order(item=item)
        self._all_drawn = True
        return None

    def _isolates(self, order: _Order[T]) -> bool:
        return order.losses > 0 and isinstance(self._function, Work)

    def _attempt(self, order: _Order[T]) -> Callable[[], Any]:
        if order.losses > 0 and isinstance(self._function, Work):
            return _IsolatedAttempt(self._function, order.item)
        attempt = _WorkerAttempt if self._processes else Attempt
        return attempt(self._function, order.item)

    def _start(self, order: _Order[T], worker: str) -> None:
        key = next(self._keys)
        future = self._scheduler.submit(self._attempt(order), key, worker)
        self._in_flight[key] = _Flight(order=order, worker=worker, future=future)
        future.add_done_callback(self._done.put)

    def _next(self) -> _Flight[T] | None:
        """The next flight that has ended; None if none ends within `_POLL_SECONDS`. Raises TransientError if none can
        end any more."""
        try:
            future = self._done.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            self._give_up_if_hopeless()
            return None
        self._hopeless_since = None
        return self._in_flight.get(future.key)

    def _landed(self, flight: _Flight[T]) -> Iterator[R]:
        """Yield the results of a flight; nothing if they were lost or have not arrived yet."""
        try:
            value = self._scheduler.result(flight.future)
        except NotYetError:
            self._done.put(flight.future)
            return
        except LostError:
            self._lost(flight.worker, "a worker died or left")
            return
        del self._in_flight[flight.future.key]
        self._paused.pop(flight.worker, None)
        flight.future.release()
        if self._isolates(flight.order):
            yield from value
        else:
            yield value

    def _look_after(self, running: set[str]) -> None:
        """Try the items again that were in flight on workers that are gone, or that have been paused too long."""
        silent = {flight.worker for flight in self._in_flight.values()} - running
        alive = self._scheduler.threads() if silent else {}
        now = time.monotonic()
        self._paused = {worker: self._paused.get(worker, now) for worker in silent & set(alive)}
        for worker in sorted(silent - set(alive)):
            self._lost(worker, "a worker died or left")
        for worker, since in self._paused.items():
            if now - since > PATIENCE_SECONDS:
                self._lost(worker, "a worker is paused because it is short of memory")
        if self._paused and now - self._released > _POLL_SECONDS:
            self._released = now
            self._scheduler.release_memory(list(self._paused))

    def _lost(self, worker: str, what: str) -> None:
        """Try the items of one worker again. Raises TransientError if too many workers have died with one of them."""
        flights = [flight for flight in self._in_flight.values() if flight.worker == worker]
        self._scheduler.forget([flight.future for flight in flights])
        for flight in flights:
            del self._in_flight[flight.future.key]
            self._again.append(replace(flight.order, losses=flight.order.losses + 1))
        _log.warning("%s (%s): %s", what, worker, self._what_next([one.order.item for one in flights]))
        if max(order.losses for order in self._again) >= LOSSES:
            raise TransientError(
                f"a chunk was given up because every worker that took it died (the last was {worker}), usually"
                " because of too little memory: give a worker fewer threads, or lower chunk, max_pixels or max_memory"
            )

    def _what_next(self, items: Sequence[T]) -> str:
        chunks = f"its {len(items)} chunks" if len(items) > 1 else "its chunk"
        if not isinstance(self._function, Work):
            return f"{chunks} will be tried again"
        images = sum(len(one_by_one(item)) for item in items)
        return f"{chunks} with {counted(images, 'image')} will be tried again, each image in a separate process"

    def _give_up_if_hopeless(self) -> None:
        problem = self._problem()
        now = time.monotonic()
        self._hopeless_since = None if problem is None else self._hopeless_since or now
        if self._hopeless_since is not None and now - self._hopeless_since > PATIENCE_SECONDS:
            raise TransientError(f"{self._scheduler.cluster} {problem}")

    def _problem(self) -> str | None:
        """Why no chunk can finish at present; None if one can."""
        if not self._scheduler.threads():
            return "has no worker left; start workers and run again"
        if not self._in_flight:
            return "has only paused workers, because all are short of memory; give them more memory, or fewer threads"
        # The future of a task that the scheduler has dropped stays pending for ever.
        if None in self._scheduler.states(list(self._in_flight)).values():
            return "lost chunks that it was given, perhaps in a restart; run again"
        return None


class _WorkerAttempt(Attempt):
    """An attempt in a worker process, where other attempts may run at the same time."""

    def __call__(self) -> Any:
        become_worker(_memory_limit())
        one_thread_per_chunk()
        return super().__call__()


class _IsolatedAttempt:
    """An attempt on the parts of an item, in separate processes beside the worker."""

    def __init__(self, work: Work[T, R], item: T) -> None:
        self._isolated = Isolated(work, item)

    def __call__(self) -> list[Any]:
        become_worker(_memory_limit())
        return self._isolated(process_memory, _memory_limit())


def _memory_limit() -> int:
    """The memory limit of the worker that this code runs in (B)."""
    from distributed import get_worker

    return int(get_worker().memory_manager.memory_limit or machine_memory())


def _keys(function: Callable[..., object]) -> Iterator[str]:
    """Keys that no other map has, because a reused key would return its old result. The dashboard shows the function's
    name."""
    inner: object = function.function if isinstance(function, Work) else function
    inner = inner.func if isinstance(inner, partial) else inner
    prefix = f"{getattr(inner, '__name__', 'work')}-{uuid.uuid4().hex}"
    return (f"{prefix}-{number}" for number in itertools.count())
