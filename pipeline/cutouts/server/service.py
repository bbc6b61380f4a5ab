"""From a received body to an answer: finds the image, lets it wait, and gives up when its time is over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.types import Receive

from cutouts.adapters.storage.sources.reading import read_image
from cutouts.adapters.storage.sources.rejections import not_allowed
from cutouts.core.errors import CutoutsError, ImageRejected
from cutouts.core.product_box import ProductBox
from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.sources.locations import Location, Reading
from cutouts.server.limits import Held, Limits
from cutouts.server.orders import Answer, Order, Product, Refusal
from cutouts.server.problems import Problem, busy, of_error, of_refusal
from cutouts.server.receiving import (
    ADDRESS,
    FORM,
    Body,
    address_in,
    image_in_form,
    kind_of,
    read_body,
    require_length,
)
from cutouts.server.waiting import Full, Queue, Ticket
from cutouts.server.workers import Workers

T = TypeVar("T")


class Service:
    """Answers requests for pictures. `reading` says which addresses may be read."""

    def __init__(self, queue: Queue, workers: Workers, limits: Limits, reading: Reading) -> None:
        self.queue, self.workers, self.limits = queue, workers, limits
        self.held = Held(limits.held_bytes)
        self._reading = replace(reading, max_bytes=limits.image_bytes, seconds=min(reading.seconds, limits.seconds))
        self._readers = ThreadPoolExecutor(limits.reads, thread_name_prefix="read")
        self._free_readers = threading.BoundedSemaphore(limits.reads)

    async def answer(
        self,
        headers: Headers,
        receive: Receive,
        product: Product,
        *,
        crop: bool = False,
        rendition: str = "",
        box: str = "",
    ) -> tuple[Answer, float]:
        """What the image of this request becomes, and how long it waited for a worker (s). Raises a Problem."""
        where = _box(box)
        kind = kind_of(headers)
        most = require_length(headers, kind, self.limits)
        self._require_room()
        body = Body(held=self.held, pieces=[])
        expected = ExitStack()
        expected.enter_context(self.queue.expected())
        try:
            await read_body(receive, body, most, self.limits)
            order = partial(Order, product=product, crop=crop, rendition=rendition, box=where)
            return await self._until_gone(self._in_time(headers, kind, body, order, expected), receive)
        finally:
            expected.close()
            body.let_go()

    async def _in_time(
        self, headers: Headers, kind: str, body: Body, order: Callable[..., Order], expected: ExitStack
    ) -> tuple[Answer, float]:
        """The answer, or a Problem (504) when the time is over. `expected` ends when the order waits."""
        try:
            async with asyncio.timeout(self.limits.seconds):
                image = await self._image(headers, kind, body)
                with expected:
                    ticket = self._put(order(image=image))
                return await self._answered(ticket)
        except TimeoutError:
            told = f"the image was not done within {self.limits.seconds:g} s; the server is busy, or the image is large"
            raise Problem(504, "too_slow", told) from None

    async def _image(self, headers: Headers, kind: str, body: Body) -> bytes:
        if kind == ADDRESS:
            return await self._read(address_in(body.taken()))
        return image_in_form(headers, body.taken()) if kind == FORM else body.taken()

    async def _read(self, url: str) -> bytes:
        """The image at an allowed address, never a file of this machine. Raises a Problem."""
        if not self._free_readers.acquire(blocking=False):
            raise busy(f"{self.limits.reads} addresses are being read, the most at a time", 1)
        read = self._readers.submit(_read_remote, url, self._reading)
        read.add_done_callback(lambda _: self._free_readers.release())
        try:
            return await asyncio.wrap_future(read)
        except ImageRejected as error:
            raise of_refusal(_told(error)) from error
        except CutoutsError as error:
            raise of_error(error) from error

    def _put(self, order: Order) -> Ticket:
        try:
            return self.queue.put(order)
        except Full:
            raise self._busy() from None

    async def _answered(self, ticket: Ticket) -> tuple[Answer, float]:
        began = time.monotonic()
        try:
            answer = await asyncio.wrap_future(ticket.future)
        except CutoutsError as error:
            raise of_error(error) from error
        if isinstance(answer, Refusal):
            raise of_refusal(answer)
        return answer, max(0.0, time.monotonic() - began - sum(answer.seconds.values()))

    def _require_room(self) -> None:
        """Raise a Problem (429) if no further image may wait, or if it would wait too long to be done in time."""
        if self.queue.full:
            raise self._busy()
        wait = self.workers.wait_seconds
        if wait > self.limits.seconds:
            raise busy(f"an image would wait about {wait:.0f} s, and {self.limits.seconds:g} s are allowed", wait)

    def _busy(self) -> Problem:
        return busy(f"{self.queue.places} images wait, the most that may", self.workers.wait_seconds)

    async def _until_gone(self, work: Awaitable[T], receive: Receive) -> T:
        """The result of the work, which is given up if the client closes the connection."""
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Problem(499, "gone", "the client closed the connection", title="Client Closed Request")
        finally:
            task.cancel()
            gone.cancel()


def _box(text: str) -> ProductBox | None:
    """The box that a client names. Raises a Problem (400)."""
    try:
        return ProductBox.parse(text) if text else None
    except ValueError as error:
        raise Problem(400, "malformed", f"box: {error}") from None


def _read_remote(url: str, reading: Reading) -> bytes:
    with suppress(ValueError):  # it is reported when the address is read
        if Location.parse(url).scheme == "file":
            raise not_allowed("files of the server's own machine are not read")
    return read_image(url, reading)


def _told(error: ImageRejected) -> Refusal:
    """What a client may know about an address that was not read: not what a name of our network resolves to."""
    if error.reason is not RejectionReason.NOT_ALLOWED:
        return Refusal.of(error)
    detail = "this server does not read from there; its setting allowed_sources says where it may read"
    return Refusal(reason=error.reason, detail=detail, retryable=False)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
