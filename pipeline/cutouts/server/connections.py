"""The door to uvicorn: connections that may not be slow, too many, or stuck; and a server that ends gracefully."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from cutouts.server.limits import HEAD_BYTES, Limits
from cutouts.server.problems import MEDIA_TYPE, Problem

_FULL = Problem(503, "connections", "too many connections", headers={"Retry-After": "1"})
_TURNED_AWAY = 64
"""How many connections without a request may be told why at a time; further ones are closed at once."""
_CLOSE = (b"connection", b"close")
_GRACE_SECONDS = 15
"""Time that answers may take to be sent after the last image is done, before the server ends (s)."""
_REST_BYTES = 64 << 20
"""How much of a refused body is dropped at most (B); twice the largest image if that is more."""
_REST_SECONDS, _REST_PAUSE = 10.0, 2.0
"""How long a refused body is dropped at most, and without a piece of it (s)."""


def run(app: ASGIApp, listener: socket.socket, limits: Limits) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is in progress; a second Ctrl-C does not wait."""

    turned_away: set[_Connection] = set()

    def connection(**given: Any) -> _Connection:
        return _Connection(limits=limits, turned_away=turned_away, **given)

    async def told_of_the_end(scope: Scope, receive: Receive, send: Send) -> None:
        """The application; while the server ends, each answer says that its connection is closed after it."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start" and server.should_exit:
                kept = [pair for pair in message.get("headers", []) if pair[0] != _CLOSE[0]]
                message = {**message, "headers": [*kept, _CLOSE]}
            await send(message)

        await app(scope, receive, send_on)

    pace = limits.pace
    config = uvicorn.Config(
        told_of_the_end,
        http=connection,  # type: ignore[arg-type]  # it is only called, like a class
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=round(pace.idle),
        timeout_graceful_shutdown=round(pace.body + limits.seconds) + _GRACE_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt, SystemExit):  # uvicorn raises the signal again when it has ended gracefully
        server.run(sockets=[listener])


class _Connection(H11Protocol):
    """A connection that is closed if its client is too slow, or if there are too many.

    If a request is answered before its body has arrived, the client is told that nothing follows the answer, and what
    still arrives is dropped for a while. A connection that is closed at once is reset by the rest of the body, and a
    client that is still sending then loses the answer. `turned_away` are the connections of all such clients whose
    request was not even read.
    """

    def __init__(self, *, limits: Limits, turned_away: set[_Connection], **given: Any) -> None:
        super().__init__(**given)
        self._limits, self._turned_away = limits, turned_away
        self._turning_away: asyncio.Task[None] | None = None
        self._served, self.app = self.app, self._answer
        self._rest: _Rest | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the headers."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._turn_away(_FULL)
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Pass it on, unless it is the rest of a refused body. As long as the headers are incomplete, their time is
        running."""
        if self._rest is not None:
            self._rest.drop(len(data))
            return
        super().data_received(data)
        if self._rest is None and self.conn.their_state is h11.IDLE:
            self._wait_for_head()
        else:
            self._stop_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every timer."""
        self._stop_head_timer()
        self._stop_read_timer()
        self._turned_away.discard(self)
        if self._rest is not None:
            self._rest.end()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not a request, has endless headers, or a body that is not what they say."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and self.cycle.response_started:
            self.transport.close()
            return
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._turn_away(Problem(400, "malformed", msg))

    def pause_writing(self) -> None:
        """The client has not read the last piece of the answer yet."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """It has."""
        self._stop_read_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """If the connection closes, the rest of the answer has to be read in time, too."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used; at once if its last answer was not read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; a connection with an incomplete body is closed only when its rest was dropped."""

        async def send_on(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if last and self.conn.their_state is h11.SEND_BODY:
                await send({**message, "more_body": True})
                await self._drop_rest()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._served(scope, receive, send_on)

    def _turn_away(self, problem: Problem) -> None:
        """Tell the client why its request is not read, and close the connection when the rest of it was dropped."""
        self._stop_head_timer()
        self.connections.discard(self)
        self.transport.write(_raw(problem))
        if len(self._turned_away) >= _TURNED_AWAY:
            self.transport.close()
            return
        self._turned_away.add(self)
        self._turning_away = self.loop.create_task(self._drop_rest())
        self._turning_away.add_done_callback(lambda _: self.transport.close())

    async def _drop_rest(self) -> None:
        """Tell the client that the answer, which states its length, is complete, and drop the rest of the body."""
        rest = self._rest = _Rest(max(_REST_BYTES, 2 * self._limits.image_bytes))
        if not self.transport.get_write_buffer_size():
            with suppress(OSError):  # the client is gone already
                self.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        self.flow.resume_reading()
        await rest.dropped()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.pace.head, self.transport.abort)

    def _wait_for_reader(self) -> None:
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(self._limits.pace.read, self._unread)

    def _unread(self) -> None:
        """Close the connection, unless everything was read meanwhile."""
        self._read_timer = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None


def _raw(problem: Problem) -> bytes:
    """The bytes of an answer that is the last of its connection."""
    told = {"Content-Type": MEDIA_TYPE, "Content-Length": len(problem.body), "Connection": "close", **problem.headers}
    lines = [f"HTTP/1.1 {problem.status} {problem.title}", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + problem.body


class _Rest:
    """The rest of a body, at most `most` B of it, which nobody reads."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._arrived = asyncio.Event()

    def drop(self, size: int) -> None:
        """A piece of this size (B) arrived."""
        self._left -= size
        self._arrived.set()

    def end(self) -> None:
        """Nothing more arrives."""
        self._left = 0
        self._arrived.set()

    async def dropped(self) -> None:
        """Wait until it ended, until it is too much, or until it takes too long."""
        end = time.monotonic() + _REST_SECONDS
        with suppress(TimeoutError):
            while self._left > 0:
                self._arrived.clear()
                async with asyncio.timeout(max(0.0, min(_REST_PAUSE, end - time.monotonic()))):
                    await self._arrived.wait()
