"""The worker processes of the server: each takes a batch from the queue, and is replaced if it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from statistics import median

from cutouts.adapters.model import open_network
from cutouts.core.errors import CutoutsError
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.runner.child import Child, EndedError
from cutouts.runner.child_process import Task
from cutouts.runner.work import Work
from cutouts.server.cutting import cut_orders
from cutouts.server.making import ServerJob
from cutouts.server.orders import Answer, Order, Refusal
from cutouts.server.waiting import Queue, Ticket
from cutouts.stages import Job
from cutouts.stages.cores import for_lone_image
from cutouts.stages.isolation import try_out

_log = logging.getLogger(__name__)

COLLECT_SECONDS = 0.005
"""How long a batch waits for further images after its first one (s)."""
_PAUSE_SECONDS = 2.0
"""The pause before another try if a worker cannot be started (s)."""
_KNOWN, _ENOUGH = 32, 8
"""The wait is estimated from at most so many of the latest batches, and from at least so many."""

Orders = tuple[Order, ...]
Answers = tuple[Answer | Refusal, ...]


def cutting(how: ServerJob) -> Work[Orders, Answers]:
    """The work of the server's workers."""
    return Work(
        function=partial(cut_orders, how),
        trial=partial(_try_out, how.job),
        blamed=lambda orders, error: tuple(Refusal.of(error) for _ in orders),
    )


def _try_out(job: Job) -> None:
    """Run the network, and open it also for lone images, so that the first of them does not wait for that."""
    try_out(job)
    open_network(for_lone_image(job.choice))


class Workers:
    """`count` processes that take batches of up to `batch` orders from the queue until it is closed.

    If a process ends, its images are tried again one by one, each in a new process. An image that ends this one too is
    blamed for it; one that took too long is blamed at once. Raises the error of the first process that cannot start.
    """

    def __init__(self, work: Work[Orders, Answers], queue: Queue, *, count: int, batch: int, memory: int) -> None:
        self._work, self._queue, self._batch = work, queue, batch
        self._task = Task(work=work, memory_limit=memory // count)
        self._lock = threading.Lock()
        self.alive, self.ended, self.batches, self.images = 0, 0, 0, 0
        self._at_work = 0
        self._seconds = deque[float](maxlen=_KNOWN)
        with ThreadPoolExecutor(count) as pool:
            children = list(pool.map(lambda _: self._child(), range(count)))
        self._threads = [threading.Thread(target=self._serve, args=(child,), daemon=True) for child in children]
        for thread in self._threads:
            thread.start()

    @property
    def count(self) -> int:
        """How many processes there should be."""
        return len(self._threads)

    @property
    def wait_seconds(self) -> float:
        """How long an order that arrives now may have to wait (s), by the median of what the latest batches took; 0 if
        too few batches are known."""
        with self._lock:
            seconds = median(self._seconds) if len(self._seconds) >= _ENOUGH else 0.0
        return len(self._queue) / self._batch / self.count * seconds

    def close(self) -> None:
        """End the processes when what waits is done. The queue has to be closed first."""
        for thread in self._threads:
            thread.join()

    def _child(self) -> Child:
        """A new process. Raises TransientError, or the error of its trial."""
        child = Child(self._task)
        with self._lock:
            self.alive += 1
        return child

    def _gone(self, end: EndedError) -> None:
        with self._lock:
            self.alive -= 1
            self.ended += 1
        _log.warning("a worker process of the server is replaced: %s", end.verdict.detail)

    def _serve(self, child: Child | None) -> None:
        """Work on batches until the queue is closed and empty."""
        while tickets := self._taken():
            child = self._settle(tickets, child)
            if child is None and not self._queue.closed:
                child = self._started()
        if child is not None:
            child.close()

    def _taken(self) -> list[Ticket]:
        """The next batch; empty if the queue is closed and empty."""
        while not (tickets := self._queue.take(self._batch, COLLECT_SECONDS if self._batch > 1 else 0.0)):
            if self._queue.closed and not len(self._queue):
                return []
        return tickets

    def _settle(self, tickets: Sequence[Ticket], child: Child | None) -> Child | None:
        """Answer every ticket. Returns the process that is alive afterwards."""
        began = time.monotonic()
        try:
            child = child or self._child()
            with self._working() as lone:
                orders = tuple(replace(ticket.order, lone=lone) for ticket in tickets)
                answers: Answers = child.ask(orders).get()
        except EndedError as end:
            self._gone(end)
            return self._settle_again(tickets, end)
        except Exception as error:  # noqa: BLE001 -- raised again for the clients who wait
            for ticket in tickets:
                ticket.future.set_exception(error)
            return child
        for ticket, answer in zip(tickets, answers, strict=True):
            ticket.future.set_result(answer)
        self._count(len(tickets), time.monotonic() - began)
        return child

    @contextmanager
    def _working(self) -> Iterator[bool]:
        """Count a batch while it is in progress. Yields whether it is the only one, and nothing waits."""
        with self._lock:
            self._at_work += 1
            lone = self._at_work == 1 and not len(self._queue)
        try:
            yield lone
        finally:
            with self._lock:
                self._at_work -= 1

    def _settle_again(self, tickets: Sequence[Ticket], end: EndedError) -> Child | None:
        """Answer the tickets of a process that ended, one by one; a single one that took too long is blamed."""
        if len(tickets) == 1 and end.verdict.reason is RejectionReason.TOO_SLOW:
            self._blame(tickets[0], end)
            return None
        child: Child | None = None
        for ticket in tickets:
            child = self._settle_alone(ticket, child)
        return child

    def _settle_alone(self, ticket: Ticket, child: Child | None) -> Child | None:
        try:
            child = child or self._child()
            (answer,) = child.ask((ticket.order,)).get()
        except EndedError as end:
            self._gone(end)
            self._blame(ticket, end)
            return None
        except Exception as error:  # noqa: BLE001 -- raised again for the client who waits
            ticket.future.set_exception(error)
            return child
        ticket.future.set_result(answer)
        return child

    def _blame(self, ticket: Ticket, end: EndedError) -> None:
        (answer,) = self._work.blamed((ticket.order,), end.verdict)
        ticket.future.set_result(answer)

    def _started(self) -> Child | None:
        """A new process; None if it cannot be started, after a pause."""
        try:
            return self._child()
        except CutoutsError as error:
            _log.warning("a worker process of the server cannot be started: %s", error)
            time.sleep(_PAUSE_SECONDS)
            return None

    def _count(self, images: int, seconds: float) -> None:
        with self._lock:
            self.batches += 1
            self.images += images
            self._seconds.append(seconds)
