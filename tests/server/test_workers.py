"""The workers of the server: batches, and images that end their process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, ModelError, TransientError
from cutouts.core.mask_metrics import Measurements
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.renditions.rendition import parse_renditions
from cutouts.runner.work import Work
from cutouts.server.orders import Answer, Order, Product, Refusal
from cutouts.server.serving import serve
from cutouts.server.waiting import Full, Queue, Ticket
from cutouts.server.workers import Answers, Orders, Workers
from tests.runner.items import hopeless, nothing

_NOTHING = Measurements(**dict.fromkeys(Measurements.__slots__, 0.0))  # type: ignore[arg-type]


def work_on(orders: Orders) -> Answers:
    """One answer per order with the number of orders in its batch, and whether it was lone; an order can end the
    process, fail, or take long."""
    for order in orders:
        if order.image == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if order.image == b"fail":
            raise ModelError("the network fails on every image")
        if order.image == b"slow":
            time.sleep(0.5)
    return tuple(_answer(order, len(orders)) for order in orders)


def test_only_the_image_that_ends_its_process_is_blamed() -> None:
    """The others of its batch are cut, and so is what comes later."""
    with _workers(batch=3, waiting=[b"one", b"kill", b"two"]) as (queue, workers, tickets):
        one, killer, two = (ticket.future.result(60) for ticket in tickets)
        assert isinstance(one, Answer)
        assert isinstance(two, Answer)
        assert isinstance(killer, Refusal)
        assert killer.reason is RejectionReason.CRASHED
        assert isinstance(queue.put(_order(b"later")).future.result(60), Answer)
        assert (workers.ended, workers.alive) == (2, 1)


def test_an_error_of_the_server_reaches_the_client() -> None:
    """It is not taken for a problem of the image, and the worker goes on."""
    with _workers(batch=1, waiting=[b"fail", b"one"]) as (_, workers, (bad, good)):
        with pytest.raises(ModelError, match="every image"):
            bad.future.result(60)
        assert isinstance(good.future.result(60), Answer)
        assert workers.ended == 0


def test_a_server_without_a_working_installation_does_not_start() -> None:
    """The error comes from the trial, before anyone is served."""
    work = Work(function=work_on, trial=hopeless, blamed=_blamed)
    with pytest.raises(TransientError, match="ended before it received one"):
        Workers(work, Queue(1), count=1, batch=1, memory=1 << 33)


def test_a_server_with_a_rendition_that_cannot_be_made_does_not_start() -> None:
    """The error names the rendition; nothing listens."""
    torn = parse_renditions({"torn": {"ground_image": b"no picture"}}, "here")
    with pytest.raises(ConfigError, match="torn: ground_image: "):
        serve(Site(), on_ready=lambda place: pytest.fail(place.url), renditions=torn)


def test_what_arrives_together_is_taken_together() -> None:
    """Up to a batch, in order; an order that was given up is not handed out and leaves its place."""
    queue = Queue(4)
    tickets = [queue.put(_order(bytes([number]))) for number in range(4)]
    with pytest.raises(Full):
        queue.put(_order(b"x"))
    assert tickets[1].future.cancel()
    assert (len(queue), queue.full) == (3, False)
    tickets.append(queue.put(_order(b"last")))
    assert _images(queue.take(3, 60)) == [b"\0", b"\2", b"\3"]
    queue.close()
    assert _images(queue.take(3, 60)) == [b"last"]
    assert queue.take(3, 60) == []
    with pytest.raises(CancelledError):
        tickets[1].future.result(0)


def test_a_batch_waits_only_for_orders_that_are_on_their_way() -> None:
    """An order that comes alone is handed out at once, others wait until the last one that is expected is there."""
    queue = Queue(4)
    queue.put(_order(b"alone"))
    assert _images(queue.take(4, 60)) == [b"alone"]
    with ThreadPoolExecutor(1) as pool:
        with queue.expected(), queue.expected():
            queue.put(_order(b"one"))
            taking = pool.submit(queue.take, 4, 60)
            with pytest.raises(TimeoutError):
                taking.result(0.2)
            queue.put(_order(b"two"))
        assert _images(taking.result(10)) == [b"one", b"two"]
        with queue.expected():
            queue.put(_order(b"slow"))
            assert _images(queue.take(4, 0.05)) == [b"slow"]


def test_only_an_order_that_comes_alone_is_lone() -> None:
    """An order is not lone while others wait, or another is in progress; what came before does not count."""
    with _workers(batch=1, waiting=[b"one", b"two", b"three"], count=2) as (queue, _, tickets):
        answers = [ticket.future.result(60) for ticket in tickets]
        assert [_lone(answer) for answer in answers[:2]] == [False, False]
        assert _lone(queue.put(_order(b"later")).future.result(60))
        beside = [queue.put(_order(b"slow")), queue.put(_order(b"beside"))]
        assert not _lone(beside[1].future.result(60))
        assert beside[0].future.result(60)


def test_the_wait_is_estimated_from_what_batches_took() -> None:
    """It grows with what waits. Nobody waits for an empty queue, and a few batches say nothing."""
    with _workers(batch=1, waiting=[b"one"] * 8) as (queue, workers, tickets):
        for ticket in tickets:
            ticket.future.result(60)
    assert workers.wait_seconds == 0
    queue.put(_order(b"one"))
    one = workers.wait_seconds
    queue.put(_order(b"two"))
    assert 0 < one == pytest.approx(workers.wait_seconds / 2)


@contextmanager
def _workers(*, batch: int, waiting: list[bytes], count: int = 1) -> Iterator[tuple[Queue, Workers, list[Ticket]]]:
    """These orders wait when the workers begin."""
    queue = Queue(8)
    tickets = [queue.put(_order(image)) for image in waiting]
    work = Work(function=work_on, trial=nothing, blamed=_blamed)
    workers = Workers(work, queue, count=count, batch=batch, memory=1 << 33)
    try:
        yield queue, workers, tickets
    finally:
        queue.close()
        workers.close()


def _images(tickets: list[Ticket]) -> list[bytes]:
    return [ticket.order.image for ticket in tickets]


def _lone(answer: Answer | Refusal) -> bool:
    assert isinstance(answer, Answer)
    return answer.found


def _order(image: bytes) -> Order:
    return Order(image=image, product=Product.CUTOUT)


def _answer(order: Order, count: int) -> Answer:
    return Answer(
        file=order.image,
        width_px=count,
        height_px=1,
        found=order.lone,
        notes=(),
        measured=_NOTHING,
        p_bad=None,
        doubt=None,
        seconds={},
    )


def _blamed(orders: Orders, error: Exception) -> Answers:
    return tuple(Refusal.of(error) for _ in orders)  # type: ignore[arg-type]
