"""The queue of images that wait for a worker: bounded, in order of arrival, and handed out in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from cutouts.server.orders import Answer, Order, Refusal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ticket:
    """An order that waits, and the future of its answer. `since` is when it arrived (`time.monotonic`)."""

    order: Order
    future: Future[Answer | Refusal] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Full(Exception):
    """No further order may wait."""


class Queue:
    """Holds at most `places` tickets. An order whose future was cancelled leaves its place."""

    def __init__(self, places: int) -> None:
        self.places = places
        self._tickets: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._expected = 0
        self._closed = False

    def __len__(self) -> int:
        """How many orders wait."""
        with self._changed:
            return sum(not ticket.future.cancelled() for ticket in self._tickets)

    @property
    def full(self) -> bool:
        """Whether a further order would be refused."""
        return len(self) >= self.places

    def put(self, order: Order) -> Ticket:
        """Let an order wait. Raises Full."""
        with self._changed:
            self._drop_cancelled()
            if len(self._tickets) >= self.places:
                raise Full
            ticket = Ticket(order=order)
            self._tickets.append(ticket)
            self._changed.notify_all()
        return ticket

    @contextmanager
    def expected(self) -> Iterator[None]:
        """During the block, a further order may be put at any moment."""
        with self._changed:
            self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1
                self._changed.notify_all()

    def take(self, most: int, seconds: float) -> list[Ticket]:
        """Wait for orders, and take up to `most`: what has come `seconds` after the first arrived. If no further order
        is expected, they are taken at once.

        Empty once the queue is closed and nothing waits any more.
        """
        with self._changed:
            self._changed.wait_for(self._begun)
            if not self._tickets:
                return []
            end = self._tickets[0].since + seconds
            self._changed.wait_for(lambda: self._complete(most), max(0.0, end - time.monotonic()))
            taken = [self._tickets.popleft() for _ in range(min(most, len(self._tickets)))]
        return [ticket for ticket in taken if ticket.future.set_running_or_notify_cancel()]

    def close(self) -> None:
        """Take no more orders; those that wait are still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _begun(self) -> bool:
        return bool(self._tickets) or self._closed

    def _complete(self, most: int) -> bool:
        """Whether a batch of up to `most` gains nothing from waiting."""
        return len(self._tickets) >= most or self._closed or not self._expected

    def _drop_cancelled(self) -> None:
        kept = [ticket for ticket in self._tickets if not ticket.future.cancelled()]
        self._tickets.clear()
        self._tickets.extend(kept)
